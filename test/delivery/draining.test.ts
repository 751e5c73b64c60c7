import { freshUri, startApp, type TestApp } from '../support/app';
import {
  closeAudits,
  dbOf,
  expectBalance,
  look,
  recordMany,
  startAudit,
  startFailingMongod,
  until,
} from './harness';
import { expectWholeTrail } from './trail';

const DOWN = 'mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=20000';
const NEVER_MS = 60_000;

async function startPing(mongo: string, options = {}): Promise<TestApp> {
  return startApp({
    options: { mongo, ...options },
    build(app, audit) {
      app.use(audit.middleware());
      app.get('/ping', (_req, res) => {
        res.json({ ok: true });
      });
    },
  });
}

let mongod: Awaited<ReturnType<typeof startFailingMongod>>;

beforeAll(async () => {
  mongod = await startFailingMongod();
});
afterEach(async () => {
  await mongod.fail({}, 'off');
  await closeAudits();
});
afterAll(() => mongod.stop());

describe('flush', () => {
  it('has every request that its client saw in the database, 200 times in a row', async () => {
    const uri = freshUri(mongod.uri);
    const app = await startPing(uri, { flushIntervalMs: NEVER_MS });
    await app.audit.ready();
    const connection = await look(uri);
    const events = dbOf(connection).collection('auditevents');
    for (let i = 1; i <= 200; i++) {
      await (await fetch(`${app.url}/ping?i=${i}`)).arrayBuffer();
      expect(await app.audit.flush()).toEqual({ pending: 0 });
      expect(await events.countDocuments()).toBe(i);
    }
    await connection.close();
    await app.close();
  });

  it('waits for what was captured before it, not for what comes after', async () => {
    const { audit, uri } = startAudit({ base: mongod.uri, flushIntervalMs: NEVER_MS });
    recordMany(audit, 1);
    await audit.flush();
    const connection = await look(uri);
    const counters = dbOf(connection).collection<{ _id: string; blocks: unknown[] }>('auditcounters');
    const blocksInFlight = async () => (await counters.findOne({ _id: 'events' }))?.blocks.length;
    await until(async () => (await blocksInFlight()) === 0);
    await mongod.fail({ failCommands: ['insert'], blockConnection: true, blockTimeMS: 1_000 });
    recordMany(audit, 3);
    const flushed = audit.flush();
    // its batch has ids, and waits to be stored
    await until(async () => (await blocksInFlight()) === 1);
    recordMany(audit, 3);
    await connection.close();
    expect(await flushed).toEqual({ pending: 0 });
    expect(audit.stats()).toMatchObject({ delivered: 4, pending: 3 });
  });

  it('says how many events were not stored before its deadline', async () => {
    const { audit } = startAudit({ mongo: DOWN });
    recordMany(audit, 7);
    expect(await audit.flush({ deadlineMs: 20 })).toEqual({ pending: 7 });
    expect(await audit.flush({ deadlineMs: 0 })).toEqual({ pending: 7 });
    expectBalance(audit);
  });

  it('tries at once, though delivery pauses after failures', async () => {
    // no jitter: after the fourth failure, 800 ms
    const random = jest.spyOn(Math, 'random').mockReturnValue(1);
    const { audit, errors } = startAudit({ base: mongod.uri });
    await audit.ready();
    await mongod.fail({ failCommands: ['insert'], errorCode: 13 }, 'alwaysOn');
    recordMany(audit, 1);
    await until(() => errors.length === 4);
    expect(await audit.flush({ deadlineMs: 600 })).toEqual({ pending: 1 });
    random.mockRestore();
    expect(errors.length).toBeGreaterThan(4);
    await mongod.fail({}, 'off');
    expect(await audit.flush()).toEqual({ pending: 0 });
  });

  it('of nothing, or of what was stored already, resolves at once', async () => {
    const { audit } = startAudit({ mongo: DOWN });
    expect(await audit.flush({ deadlineMs: 0 })).toEqual({ pending: 0 });
  });
});

describe('close', () => {
  it('stores what waits, and is idempotent', async () => {
    const { audit, uri } = startAudit({ base: mongod.uri, flushIntervalMs: NEVER_MS });
    recordMany(audit, 1_200);
    const [first, second] = await Promise.all([audit.close(), audit.close({ deadlineMs: 1 })]);
    expect([first, second, await audit.close()]).toEqual([{ pending: 0 }, { pending: 0 }, { pending: 0 }]);
    expect(audit.stats()).toMatchObject({ delivered: 1_200, pending: 0, dropped: 0, connected: false });
    expect((await expectWholeTrail(uri)).events).toHaveLength(1_200);
  });

  it('says what was left, and counts it as dropped', async () => {
    const { audit, drops } = startAudit({ mongo: DOWN });
    recordMany(audit, 9);
    expect(await audit.close({ deadlineMs: 20 })).toEqual({ pending: 9 });
    expect(audit.stats()).toMatchObject({ pending: 0, dropped: 9, queueBytes: 0 });
    expect(audit.stats().droppedByReason).toEqual({ queue_full: 0, closed: 9, spool_damaged: 0 });
    expectBalance(audit);
    await new Promise(setImmediate);
    expect(drops).toEqual([{ reason: 'closed', count: 9 }]);
    expect(await audit.close()).toEqual({ pending: 9 });
  });

  it('counts once what was on its way when the deadline came, and was stored after', async () => {
    const uri = freshUri(mongod.uri);
    const connection = await look(uri);
    const { audit } = startAudit({ mongo: connection });
    await audit.ready();
    await mongod.fail({ failCommands: ['insert'], blockConnection: true, blockTimeMS: 300 });
    recordMany(audit, 1);
    await audit.flush();
    await mongod.fail({ failCommands: ['insert'], blockConnection: true, blockTimeMS: 300 });
    recordMany(audit, 5);
    expect(await audit.close({ deadlineMs: 100 })).toEqual({ pending: 5 });
    const events = dbOf(connection).collection('auditevents');
    await until(async () => (await events.countDocuments()) === 6);
    expect(audit.stats()).toMatchObject({ captured: 6, delivered: 1, dropped: 5, pending: 0 });
    await connection.close();
  });

  it('ends a flush that waits', async () => {
    const { audit } = startAudit({ mongo: DOWN });
    recordMany(audit, 2);
    const flushed = audit.flush();
    await audit.close({ deadlineMs: 10 });
    expect(await flushed).toEqual({ pending: 0 });
  });

  it('leaves requests served, whose events are dropped as closed', async () => {
    const app = await startPing(freshUri(mongod.uri));
    await fetch(`${app.url}/ping`);
    await app.audit.close();
    for (let i = 0; i < 3; i++) {
      const response = await fetch(`${app.url}/ping`);
      expect(response.status).toBe(200);
      expect(response.headers.get('x-audit-id')).toMatch(/^[0-9a-f-]{36}$/);
    }
    await app.close();
    expect(app.audit.stats()).toMatchObject({ captured: 4, delivered: 1, pending: 0 });
    expect(app.audit.stats().droppedByReason).toEqual({ queue_full: 0, closed: 3, spool_damaged: 0 });
    expect(app.errors).toEqual([]);
  });

  it('tries at once to store what failed for long', async () => {
    const { audit, errors } = startAudit({ base: mongod.uri });
    await audit.ready();
    await mongod.fail({ failCommands: ['insert'], errorCode: 13 }, 'alwaysOn');
    recordMany(audit, 4);
    while (errors.length < 3) await new Promise(setImmediate);
    await mongod.fail({}, 'off');
    expect(await audit.close()).toEqual({ pending: 0 });
  });

  it.each([
    ['nothing was captured', 0],
    ['something was', 1],
  ])('at once after construction reports no error when %s', async (_, count) => {
    const { audit, errors } = startAudit({ base: mongod.uri });
    recordMany(audit, count);
    expect(await audit.close()).toEqual({ pending: 0 });
    expect(errors).toEqual([]);
  });
});

describe('ready', () => {
  it('resolves once connected, with the indexes there', async () => {
    const { audit, uri } = startAudit({ base: mongod.uri });
    await audit.ready();
    expect(audit.stats().connected).toBe(true);
    const connection = await look(uri);
    const indexes = await dbOf(connection).collection('auditevents').indexes();
    await connection.close();
    expect(indexes.find(({ key }) => Object.keys(key).join() === 'id')).toMatchObject({ unique: true });
    expect(indexes.length).toBeGreaterThanOrEqual(9);
  });

  it.each(['before', 'after'])('resolves when closed %s it was asked, without a MongoDB', async (when) => {
    const { audit } = startAudit({ mongo: DOWN });
    const early = when === 'before' ? null : audit.ready();
    await audit.close({ deadlineMs: 1 });
    await expect(early ?? audit.ready()).resolves.toBeUndefined();
  });
});
