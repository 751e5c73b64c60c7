import type { Mongod } from '../../examples/mongod';
import { type Gateway, startGateway } from './gateway';
import {
  closeAudits,
  expectBalance,
  recordMany,
  startAudit,
  startFailingMongod,
  until,
  watchBalance,
} from './harness';
import { expectWholeTrail } from './trail';

let mongod: Awaited<ReturnType<typeof startFailingMongod>>;
let gateway: Gateway;

beforeAll(async () => {
  mongod = await startFailingMongod();
  gateway = await startGateway(mongod.port);
});
afterEach(async () => {
  gateway.thaw();
  await mongod.fail({}, 'off');
  await closeAudits();
});
afterAll(async () => {
  gateway.close();
  await mongod.stop();
});

const throughGateway = (): Pick<Mongod, 'uri'> => ({ uri: `mongodb://127.0.0.1:${gateway.port}/` });

async function expectAllStoredOnce(recorded: ReturnType<typeof startAudit>, count: number): Promise<void> {
  const { audit, uri } = recorded;
  expect(await audit.flush()).toEqual({ pending: 0 });
  await until(() => audit.stats().state === 'healthy');
  expect(audit.stats()).toMatchObject({
    state: 'healthy',
    captured: count,
    delivered: count,
    pending: 0,
    dropped: 0,
    quarantined: 0,
    queueBytes: 0,
  });
  const trail = await expectWholeTrail(uri.replace(`:${gateway.port}/`, `:${mongod.port}/`));
  expect(trail.events).toHaveLength(count);
}

describe('delivery', () => {
  it('stores every event once, and its terms add up all the while', async () => {
    const recorded = startAudit({ base: mongod.uri });
    const watch = watchBalance(recorded.audit);
    for (let i = 0; i < 20; i++) {
      recordMany(recorded.audit, 130);
      await new Promise(setImmediate);
    }
    await expectAllStoredOnce(recorded, 2_600);
    watch.stop();
    const { rows } = await expectWholeTrail(recorded.uri);
    expect(rows.map(({ id }) => id)).toEqual(Array.from({ length: 2_600 }, (_, i) => i + 1));
    expect(recorded.errors).toEqual([]);
  });

  it('stores an event by itself, without being asked', async () => {
    const { audit, uri } = startAudit({ base: mongod.uri });
    audit.record({ name: 'Noted' });
    await until(() => audit.stats().delivered === 1);
    expect((await expectWholeTrail(uri)).events).toHaveLength(1);
  });

  const network = { closeConnection: true };
  const unmajority = { writeConcernError: { code: 64, errmsg: 'waiting for replication timed out' } };
  const faults: readonly (readonly [string, Record<string, unknown>])[] = [
    ['a connection that closes at the insert', { failCommands: ['insert'], ...network }],
    ['a connection that closes at the counter', { failCommands: ['findAndModify'], ...network }],
    ['a connection that closes when the block is closed', { failCommands: ['update'], ...network }],
    ['an insert that no majority has yet', { failCommands: ['insert'], ...unmajority }],
    ['a counter that no majority has yet', { failCommands: ['findAndModify'], ...unmajority }],
    // a write concern error under a code that would refuse a document
    [
      'a write concern that cannot be met',
      { failCommands: ['insert'], writeConcernError: { code: 2, errmsg: 'bad value' } },
    ],
    ['a user who may not write', { failCommands: ['insert'], errorCode: 13 }],
    ['a user who may not read the registry', { failCommands: ['find'], errorCode: 13 }],
    ['a server that is no primary any more', { failCommands: ['insert'], errorCode: 10107 }],
    ['a server that shuts down', { failCommands: ['insert', 'findAndModify'], errorCode: 91 }],
    ['a server that ran out of time', { failCommands: ['insert'], errorCode: 50 }],
    ['an operation that was killed', { failCommands: ['insert'], errorCode: 11601 }],
    ['an error that nobody knows', { failCommands: ['insert'], errorCode: 7654 }],
  ];

  it.each(faults)('loses, doubles and quarantines nothing after %s', async (_, data) => {
    const recorded = startAudit({ base: mongod.uri, ensureIndexes: false });
    await recorded.audit.ready();
    await mongod.fail(data);
    const watch = watchBalance(recorded.audit);
    recordMany(recorded.audit, 1);
    await recorded.audit.flush();
    await mongod.fail(data);
    recordMany(recorded.audit, 49);
    await recorded.audit.flush();
    await mongod.fail({}, 'off');
    await expectAllStoredOnce(recorded, 50);
    watch.stop();
  });

  it.each(['the answer to an insert', 'the answer to the counter'])(
    'stores once when %s is lost after it was committed',
    async (what) => {
      const recorded = startAudit({ base: throughGateway().uri });
      await recorded.audit.ready();
      recordMany(recorded.audit, 10);
      await recorded.audit.flush();
      const lost = gateway.loseAnswerOf(what.endsWith('insert') ? 'recordedAt' : 'findAndModify');
      const watch = watchBalance(recorded.audit);
      recordMany(recorded.audit, 700);
      await lost;
      await expectAllStoredOnce(recorded, 710);
      watch.stop();
      expect(recorded.errors).not.toEqual([]);
    },
  );

  it('is degraded while nothing can be stored, goes on trying, and is healthy again', async () => {
    const { audit, errors } = startAudit({ base: mongod.uri });
    await audit.ready();
    await mongod.fail({ failCommands: ['insert'], errorCode: 13 }, 'alwaysOn');
    recordMany(audit, 5);
    await until(() => errors.length >= 3);
    expect(audit.stats()).toMatchObject({ state: 'degraded', delivered: 0, pending: 5, quarantined: 0 });
    expect(errors[0]).toMatchObject({ code: 'AUDIT_STORE_UNAVAILABLE' });
    expect(await audit.flush({ deadlineMs: 1 })).toEqual({ pending: 5 });
    await mongod.fail({}, 'off');
    expect(await audit.flush()).toEqual({ pending: 0 });
    expect(audit.stats()).toMatchObject({ state: 'healthy', delivered: 5, oldestAgeMs: 0 });
  });

  it('keeps events while the way to MongoDB is a black hole, and stores them after', async () => {
    const recorded = startAudit({ base: throughGateway().uri });
    recordMany(recorded.audit, 10);
    await recorded.audit.flush();
    gateway.freeze();
    recordMany(recorded.audit, 20);
    expect(await recorded.audit.flush({ deadlineMs: 50 })).toEqual({ pending: 20 });
    expectBalance(recorded.audit);
    gateway.thaw();
    await expectAllStoredOnce(recorded, 30);
  });
});
