import { type Audit, createAudit } from '../../lib/index';
import { freshUri } from '../support/app';
import { type Logs, logsOf } from './audit-logs-contract';
import { sorted } from './condition-model';
import { ask, authenticate, closedAtEnd, row, startTrail, type Token, type Trail } from './trail';

const WRITERS = 3;
const BEFORE = 40;
const MOST_PAGES = 1_000;

function startLogs(mongo = freshUri()): Promise<Trail> {
  return startTrail({
    options: { mongo },
    build: (app, audit) =>
      void app.use('/v2/audit-logs', audit.router({ dialect: 'audit-logs', authenticate })),
  });
}

async function pageOf(trail: Trail, query: string, as?: Token): Promise<Logs> {
  return logsOf(await ask(`${trail.url}/v2/audit-logs?${query}`, { scheme: 'Bearer', ...(as && { as }) }));
}

/** All pages from the first one on by one of the cursors, itself included. */
async function walk(
  first: Logs,
  cursor: 'end_cursor' | 'previous_end_cursor',
  next: (query: string) => Promise<Logs>,
): Promise<Logs[]> {
  const pages = [first];
  for (let at = first[cursor]; at !== null; at = pages.at(-1)?.[cursor] ?? null) {
    pages.push(await next(`${cursor}=${at}`));
    if (pages.length > MOST_PAGES) throw new Error('the pages do not end');
  }
  return pages;
}

const idsOf = (pages: readonly Logs[]) => pages.map(({ data }) => data.map(({ id }) => id));
const ascending = (ids: readonly number[]) => [...ids].sort((a, b) => a - b);

async function writeSome(audit: Audit, count: number): Promise<void> {
  for (let i = 0; i < count; i++) audit.record({ name: 'Written', object: { type: 'things', id: i } });
  await audit.flush();
}

/** With the writer closed none of its ids is in flight: all of them can be read. */
async function writeAndClose(mongo: string, count: number): Promise<void> {
  const audit = createAudit({ mongo });
  await writeSome(audit, count);
  await audit.close();
}

/** Several processes' worth of writers, each storing one batch after the other until told to stop. */
async function startWriters(mongo: string): Promise<() => Promise<unknown>> {
  let isDone = false;
  const audits = Array.from({ length: WRITERS }, () =>
    closedAtEnd(createAudit({ mongo, flushIntervalMs: 5, auditReads: false })),
  );
  await Promise.all(audits.map((audit) => writeSome(audit, 1)));
  const running = audits.map(async (audit, i) => {
    while (!isDone) await writeSome(audit, 1 + i * 3);
    await audit.close();
  });
  return () => {
    isDone = true;
    return Promise.all(running);
  };
}

describe('a walk by cursors', () => {
  it.each(['desc', 'asc'])(
    'meets each event once by creation time, to the end and back, while several processes write: %s',
    async (direction) => {
      const mongo = freshUri();
      const trail = await startLogs(mongo);
      for (let i = 0; i < WRITERS; i++) await writeAndClose(mongo, BEFORE);
      const before = (await trail.events()).map(({ id }) => id);
      const stop = await startWriters(mongo);
      const next = (query: string) => pageOf(trail, `limit=7&sort_direction=${direction}&${query}`);
      const forward = await walk(await next(''), 'end_cursor', next);
      const last = forward.at(-1) as Logs;
      const backward = await walk(last, 'previous_end_cursor', next);
      await stop();

      const met = idsOf(forward).flat();
      expect(new Set(met).size).toBe(met.length);
      expect(met).toEqual(expect.arrayContaining(before));
      expect(idsOf(backward).reverse()).toEqual(idsOf(forward));
      expect([forward[0]?.previous_end_cursor, last.end_cursor]).toEqual([null, null]);
      // nothing that was stored between two of them was passed over
      const events = await trail.events();
      const stored = events.map(({ id }) => id);
      expect(stored.length).toBeGreaterThan(met.length);
      expect(ascending(met)).toEqual(ascending(stored).slice(0, met.length));
      const inOrder = sorted(events, [{ field: 'timestamp', descending: direction === 'desc' }]);
      expect(met).toEqual(inOrder.map(({ id }) => id).filter((id) => met.includes(id)));
    },
  );

  it.each([
    ['desc', '00000000-0000-0000-0000-000000000000'],
    ['asc', 'ffffffff-ffff-ffff-ffff-ffffffffffff'],
  ])('leads back to where it came from when what lay ahead is deleted: %s', async (direction, uuid) => {
    const mongo = freshUri();
    const trail = await startLogs(mongo);
    const sign = direction === 'asc' ? 1 : -1;
    await trail.store([1, 2, 3].map((id) => row(sign * id, { id: id + 10, ...(id === 2 && { uuid }) })));
    // hands out integer ids, so that the safe point lies above those
    await writeAndClose(mongo, 20);
    const events = trail.connection.db?.collection('auditevents');
    await events?.deleteMany({ name: 'Written' });
    const next = (query: string) => pageOf(trail, `limit=2&sort_direction=${direction}&${query}`);
    const first = await next('');
    await events?.deleteMany({ id: 13 });
    const empty = await next(`end_cursor=${first.end_cursor}`);
    expect([empty.data, empty.end_cursor]).toEqual([[], null]);
    expect(idsOf([await next(`previous_end_cursor=${empty.previous_end_cursor}`)])).toEqual([[11, 12]]);
  });

  it('has neither cursor where nothing is found, or all of it on one page', async () => {
    const mongo = freshUri();
    const trail = await startLogs(mongo);
    expect(await pageOf(trail, '')).toEqual({ data: [], end_cursor: null, previous_end_cursor: null });
    await writeAndClose(mongo, 3);
    const all = await pageOf(trail, 'limit=3');
    expect([all.data.length, all.end_cursor, all.previous_end_cursor]).toEqual([3, null, null]);
  });
});

interface Profiled {
  readonly docsExamined: number;
  readonly keysExamined: number;
  readonly planSummary: string;
  readonly execStats: object;
  readonly command: { readonly filter: object };
}

describe('the cost of a page', () => {
  const COUNT = 4_000;
  const LIMIT = 100;
  /** Of one millisecond. */
  const TIES = 300;
  const MIDDLE = Math.floor(COUNT / 2);
  const START = Date.parse('2026-05-01T00:00:00Z');
  const iso = (i: number): string => new Date(START + i).toISOString();
  let trail: Trail;

  beforeAll(async () => {
    trail = await startLogs();
    const rows = Array.from({ length: COUNT }, (_, i) =>
      // many at one time, and integer ids in another order: the walk goes by time alone
      row(START + (i < TIES ? 0 : i - (i % 3)), {
        id: ((i * 7_919) % COUNT) + 1,
        tenant: i % 2 === 0 ? 'a' : 'b',
        user: i % 800 === 0 ? 'rare' : `u${i % 4}`,
        remoteAddr: `10.0.0.${i % 4}`,
        type: i % 2 === 0 ? 'orders' : 'items',
        objectId: String(i % 4),
        stored: { source: 'shop' },
      }),
    );
    await trail.store(rows);
    await trail.connection.db
      ?.collection('auditcounters')
      .updateOne({ _id: 'events' as never }, { $set: { last: COUNT, blocks: [] } }, { upsert: true });
  });

  /** What MongoDB did for every page of a walk. */
  async function profileOf(query: string, as: Token): Promise<Profiled[]> {
    const db = trail.connection.db;
    await db?.command({ profile: 0 });
    await db?.collection('system.profile').drop();
    await db?.createCollection('system.profile', { capped: true, size: 16 * 1_024 * 1_024 });
    await db?.command({ profile: 2 });
    const next = (cursor: string) => pageOf(trail, `limit=${LIMIT}&${query}&${cursor}`, as);
    const pages = await walk(await next(''), 'end_cursor', next);
    await walk(pages.at(-1) as Logs, 'previous_end_cursor', next);
    await db?.command({ profile: 0 });
    const filter = { op: 'query', ns: `${db?.databaseName}.auditevents` };
    const found = await db?.collection<Profiled>('system.profile').find(filter).toArray();
    // behind a cursor the rest of its millisecond is a query of its own
    expect(found).toHaveLength(1 + (pages.length * 2 - 2) * 2);
    return found ?? [];
  }

  const TIME = 'timestamp: -1, _id: -1 }';
  it.each<[string, string, Token, string]>([
    ['of everything', '', 'fake-token-all', `{ ${TIME}`],
    ['of everything, oldest first', 'sort_direction=asc', 'fake-token-all', `{ ${TIME}`],
    ['up to a time', `createdAtTo=${iso(MIDDLE)}`, 'fake-token-all', `{ ${TIME}`],
    ['from a time', `createdAtFrom=${iso(MIDDLE)}&sort_direction=asc`, 'fake-token-all', `{ ${TIME}`],
    ['of one log', 'logName=shop', 'fake-token-all', `{ ${TIME}`],
    ['of one tenant', '', 'fake-token-a', `{ tenant: 1, ${TIME}`],
    ['of two tenants', 'sort_direction=asc', 'fake-token-a-b', TIME],
    ['of one user', 'keycloakUuid=u1', 'fake-token-all', `{ user.id: 1, ${TIME}`],
    ['of one user up to a time', `keycloakUuid=u1&createdAtTo=${iso(MIDDLE)}`, 'fake-token-all', 'user.id'],
    ["of a rare user's events", 'keycloakUuid=rare', 'fake-token-all', `{ user.id: 1, ${TIME}`],
    ['of one address', 'ip=10.0.0.2&sort_direction=asc', 'fake-token-all', `{ remoteAddr: 1, ${TIME}`],
    ['of one object', 'tableName=orders&entityId=2', 'fake-token-all', `object.type: 1, ${TIME}`],
  ])('%s is that of its rows, however deep it is, and nothing is sorted', async (_what, query, as, index) => {
    for (const { planSummary, execStats, command, ...examined } of await profileOf(query, as)) {
      // the rest of a millisecond is found by either index
      const isRest = JSON.stringify(command.filter).includes('"_id"');
      expect(planSummary).toContain(isRest ? TIME : index);
      expect(JSON.stringify(execStats)).not.toMatch(/"COLLSCAN"|"SORT"/);
      const most = isRest && !planSummary.includes(index) ? TIES : LIMIT + 1;
      expect(examined.docsExamined).toBeLessThanOrEqual(most);
      expect(examined.keysExamined).toBeLessThanOrEqual(most + 10);
    }
  });
});
