import type { Connection } from 'mongoose';
import { createAudit } from '../../lib/index';
import { Ids } from '../../lib/mongo/ids';
import { freshUri } from '../support/app';
import { openDelivery } from './delivery-parts';
import { closeAudits, dbOf, look, recordMany, startAudit, startFailingMongod, until } from './harness';
import { expectWholeTrail } from './trail';

interface Counter {
  readonly _id: string;
  readonly last: number;
  readonly blocks: readonly { readonly writer: string; readonly first: number; readonly at: Date }[];
}

let mongod: Awaited<ReturnType<typeof startFailingMongod>>;
let uri: string;
let connection: Connection;

beforeAll(async () => {
  mongod = await startFailingMongod();
});
beforeEach(async () => {
  uri = freshUri(mongod.uri);
  connection = await look(uri);
});
afterEach(async () => {
  await mongod.fail({}, 'off');
  await closeAudits();
  await connection.close();
});
afterAll(() => mongod.stop());

const counters = () => dbOf(connection).collection<Counter>('auditcounters');

async function counter(): Promise<Counter> {
  const found = await counters().findOne({ _id: 'events' });
  if (found === null) throw new Error('there is no counter yet');
  return found;
}

async function expectNothingInFlight(safePoint: () => Promise<number>): Promise<void> {
  await until(async () => (await counter()).blocks.length === 0);
  expect(await safePoint()).toBe((await counter()).last);
}

describe('the safe point', () => {
  it('reaches the last id when the writers are idle', async () => {
    const { audit } = startAudit({ mongo: uri });
    recordMany(audit, 30);
    await audit.flush();
    await expectNothingInFlight(() => audit.reader.safePoint());
    expect((await counter()).last).toBe(30);
  });

  it('is 0 before anything was stored', async () => {
    const { audit } = startAudit({ mongo: uri });
    await audit.ready();
    expect(await audit.reader.safePoint()).toBe(0);
  });

  it('is free at once when a writer closes', async () => {
    for (let i = 0; i < 10; i++) {
      const audit = createAudit({ mongo: uri });
      recordMany(audit, 2);
      expect(await audit.close()).toEqual({ pending: 0 });
      expect((await counter()).blocks).toEqual([]);
    }
  });

  it('is free after a close, though the block could not be closed before', async () => {
    const { audit } = startAudit({ mongo: uri });
    await audit.ready();
    await mongod.fail({ failCommands: ['update'], errorCode: 13 });
    recordMany(audit, 2);
    await audit.flush();
    await until(async () => (await counter()).blocks.length === 1);
    await audit.close();
    expect((await counter()).blocks).toEqual([]);
  });

  it('is free when MongoDB is back, though the connection was lost as the block was closed', async () => {
    const { audit } = startAudit({ mongo: uri });
    await audit.ready();
    await mongod.fail({ failCommands: ['update'], closeConnection: true });
    recordMany(audit, 2);
    await audit.flush();
    await until(async () => (await counter()).blocks.length === 0);
    expect(audit.stats()).toMatchObject({ captured: 2, delivered: 2 });
  });

  it.each([
    ['an insert whose result nobody knows', { closeConnection: true }],
    ['an insert that no majority has', { writeConcernError: { code: 64, errmsg: 'timed out' } }],
  ])('stays below the first id of %s, however often it is tried', async (_, fault) => {
    const { audit, errors } = startAudit({ mongo: uri });
    const { reader, ready } = startAudit({ mongo: uri }).audit;
    await ready();
    recordMany(audit, 5);
    await audit.flush();
    await mongod.fail({ failCommands: ['insert'], ...fault }, 'alwaysOn');
    recordMany(audit, 4);
    await until(() => errors.length >= 3);
    const { blocks, last } = await counter();
    expect(blocks).toMatchObject([{ first: 6 }]);
    expect(last).toBeGreaterThanOrEqual(13);
    expect(await reader.safePoint()).toBe(5);
    await mongod.fail({}, 'off');
    await audit.flush();
    await expectNothingInFlight(() => reader.safePoint());
  });

  it('is held back by a living writer, and not by one that died long ago', async () => {
    const { audit } = startAudit({ mongo: uri });
    recordMany(audit, 20);
    await audit.flush();
    await expectNothingInFlight(() => audit.reader.safePoint());
    const block = { writer: 'dead', attempt: 1, first: 7, last: 9 };
    const blockedAt = async (at: Date): Promise<number> => {
      await counters().updateOne({ _id: 'events' }, { $set: { blocks: [{ ...block, at }] } });
      return audit.reader.safePoint();
    };
    expect(await blockedAt(new Date())).toBe(6);
    expect(await blockedAt(new Date(Date.now() - 120_000))).toBe(6);
    expect(await blockedAt(new Date(Date.now() - 200_000))).toBe(20);
    recordMany(audit, 1);
    await audit.flush();
    await expectNothingInFlight(() => audit.reader.safePoint());
  });
});

describe('a command that a slow network delivers late', () => {
  /** What the writer knew when it sent the late command: one attempt, or one that is settled. */
  async function inFlight(): Promise<{ now: Ids; first: number }> {
    const now = new Ids('auditcounters', 'writer');
    for (let i = 0; i < 3; i++) {
      await now.allocate(dbOf(connection), 5);
      now.settle();
    }
    return { now, first: await now.allocate(dbOf(connection), 5) };
  }

  it('frees no later block when it asks for ids', async () => {
    const { now, first } = await inFlight();
    await new Ids('auditcounters', 'writer').allocate(dbOf(connection), 5);
    expect(await now.safePoint(dbOf(connection))).toBe(first - 1);
    now.settle();
    await now.allocate(dbOf(connection), 5);
    expect(await now.safePoint(dbOf(connection))).toBe(25);
  });

  it('frees no later block when it closes its own', async () => {
    const late = new Ids('auditcounters', 'writer');
    await late.allocate(dbOf(connection), 5);
    late.settle();
    const { now, first } = await inFlight();
    await late.release(dbOf(connection));
    expect(await now.safePoint(dbOf(connection))).toBe(first - 1);
  });

  it('makes no attempt that was given up insert after all', async () => {
    const inserts = async (): Promise<number> =>
      (await dbOf(connection).admin().serverStatus()).metrics.commands.insert.total;
    const opened = openDelivery(uri, { attemptMs: 300 });
    opened.delivery.accept(opened.event());
    await opened.delivery.flush(20_000);
    const before = await inserts();
    const slow = { failCommands: ['findAndModify'], blockConnection: true, blockTimeMS: 900 };
    await mongod.fail(slow);
    opened.delivery.accept(opened.event());
    expect(await opened.delivery.flush(20_000)).toEqual({ pending: 0 });
    await until(async () => (await counter()).last === 3);
    opened.delivery.accept(opened.event());
    await opened.delivery.flush(20_000);
    expect((await inserts()) - before).toBe(2);
    expect(opened.delivery.stats()).toMatchObject({ delivered: 3, pending: 0 });
    await opened.close();
    expect((await counter()).blocks).toEqual([]);
  });
});

describe('a counter that was restored from a backup', () => {
  it('is raised past the highest id, and no event is quarantined', async () => {
    const { audit, errors } = startAudit({ mongo: uri });
    await audit.ready();
    recordMany(audit, 50);
    await audit.flush();
    await counters().updateOne({ _id: 'events' }, { $set: { last: 10 } });
    recordMany(audit, 30);
    expect(await audit.flush()).toEqual({ pending: 0 });
    expect(audit.stats()).toMatchObject({ delivered: 80, quarantined: 0 });
    const { events } = await expectWholeTrail(uri);
    expect(events).toHaveLength(80);
    expect((await counter()).last).toBeGreaterThanOrEqual(80);
    expect(errors[0]).toMatchObject({ code: 'AUDIT_STORE_UNAVAILABLE' });
    await expectNothingInFlight(() => audit.reader.safePoint());
  });

  it('or lost altogether begins again past the highest id', async () => {
    const { audit } = startAudit({ mongo: uri });
    await audit.ready();
    recordMany(audit, 20);
    await audit.flush();
    await counters().deleteOne({ _id: 'events' });
    recordMany(audit, 15);
    expect(await audit.flush()).toEqual({ pending: 0 });
    expect((await expectWholeTrail(uri)).events).toHaveLength(35);
  });
});
