import { freshUri } from '../support/app';
import { closeAudits, dbOf, look, recordMany, startAudit, startFailingMongod, until } from './harness';
import { expectWholeTrail } from './trail';

const WRITERS = 4;
const EACH = 120;

let mongod: Awaited<ReturnType<typeof startFailingMongod>>;

beforeAll(async () => {
  mongod = await startFailingMongod();
});
afterEach(async () => {
  await mongod.fail({}, 'off');
  await closeAudits();
});
afterAll(() => mongod.stop());

type Read = (after: number) => Promise<readonly number[]>;

/** Reads on from the highest id it saw, until told that nothing more comes. */
async function tail(read: Read, isOver: () => boolean, seen = new Set<number>()): Promise<Set<number>> {
  let highest = 0;
  for (let isLast = false; !isLast; ) {
    isLast = isOver();
    for (const id of await read(highest)) {
      seen.add(id);
      highest = Math.max(highest, id);
    }
  }
  return seen;
}

describe('a tail while four writers write and one of them stalls before its insert', () => {
  it('skips nothing below the safe point, and does skip without it', async () => {
    const uri = freshUri(mongod.uri);
    const writers = Array.from({ length: WRITERS }, (_, i) => startAudit({ mongo: `${uri}?appName=w${i}` }));
    await Promise.all(writers.map(({ audit }) => audit.ready()));
    const stall = { appName: 'w3', failCommands: ['insert'], blockConnection: true, blockTimeMS: 2_000 };

    const connection = await look(uri);
    const idsBetween = async (after: number, to: number): Promise<number[]> => {
      const query = { id: { $gt: after, $lte: to } };
      const rows = await dbOf(connection).collection('auditevents').find(query).project({ id: 1 }).toArray();
      return rows.map(({ id }) => id);
    };
    let isOver = false;
    const { reader, ready } = startAudit({ mongo: uri }).audit;
    await ready();
    const careful = tail(
      async (after) => idsBetween(after, await reader.safePoint()),
      () => isOver,
    );
    const naivelySeen = new Set<number>();
    const naive = tail(
      (after) => idsBetween(after, Number.MAX_SAFE_INTEGER),
      () => isOver,
      naivelySeen,
    );

    const counters = dbOf(connection).collection<{ _id: string; blocks: unknown[] }>('auditcounters');
    const blocksInFlight = async () => (await counters.findOne({ _id: 'events' }))?.blocks.length;
    const [overtaker, , , stalled] = writers.map(({ audit }) => audit);
    if (overtaker === undefined || stalled === undefined) throw new Error('four writers were started');
    // the first event of all makes the collections
    recordMany(stalled, 1);
    await stalled.flush();
    await until(async () => naivelySeen.size === 1 && (await blocksInFlight()) === 0);
    await mongod.fail(stall, { times: 1 });
    recordMany(stalled, 1);
    const unstalled = stalled.flush();
    await until(async () => (await blocksInFlight()) === 1);
    recordMany(overtaker, 1);
    await overtaker.flush();
    await until(async () => naivelySeen.size === 2);
    await unstalled;

    await Promise.all(
      writers.map(async ({ audit }) => {
        for (let i = 0; i < EACH; i += 20) {
          recordMany(audit, 20);
          await audit.flush();
        }
      }),
    );
    await until(async () => (await blocksInFlight()) === 0);
    isOver = true;
    const stored = (await expectWholeTrail(uri)).rows.map(({ id }) => id);
    await connection.close();

    expect(stored).toHaveLength(WRITERS * EACH + 3);
    expect([...(await careful)].sort((a, b) => a - b)).toEqual(stored.sort((a, b) => a - b));
    expect((await naive).size).toBeLessThan(stored.length);
  });
});

describe('ids', () => {
  it('are unique when four writers begin with an empty database at once', async () => {
    const uri = freshUri(mongod.uri);
    const writers = Array.from({ length: WRITERS }, () => startAudit({ mongo: uri }));
    for (let i = 0; i < 10; i++) {
      for (const { audit } of writers) recordMany(audit, 25);
      await new Promise(setImmediate);
    }
    for (const { audit } of writers) expect(await audit.flush()).toEqual({ pending: 0 });
    const { rows, quarantined } = await expectWholeTrail(uri);
    expect(rows).toHaveLength(WRITERS * 250);
    expect(quarantined).toEqual([]);
    expect(new Set(rows.map(({ writer }) => writer.toString('hex'))).size).toBe(WRITERS);
  });
});
