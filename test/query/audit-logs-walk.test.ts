import { type Audit, createAudit } from '../../lib/index';
import { freshUri } from '../support/app';
import { type Logs, logsOf } from './audit-logs-contract';
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
    'meets each event once, to the end and back, while several processes write: %s',
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
      expect(met).toEqual(direction === 'asc' ? ascending(met) : ascending(met).reverse());
      expect(new Set(met).size).toBe(met.length);
      expect(met).toEqual(expect.arrayContaining(before));
      expect(idsOf(backward).reverse()).toEqual(idsOf(forward));
      expect([forward[0]?.previous_end_cursor, last.end_cursor]).toEqual([null, null]);
      // nothing that was stored between two of them was passed over
      const stored = (await trail.events()).map(({ id }) => id);
      expect(stored.length).toBeGreaterThan(met.length);
      expect(ascending(met)).toEqual(ascending(stored).slice(0, met.length));
    },
  );

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
  readonly hasSortStage?: boolean;
  readonly planSummary: string;
}

describe('the cost of a page', () => {
  const COUNT = 4_000;
  const LIMIT = 50;
  let trail: Trail;

  beforeAll(async () => {
    trail = await startLogs();
    const rows = Array.from({ length: COUNT }, (_, i) =>
      row(i, {
        id: i + 1,
        tenant: i % 2 === 0 ? 'a' : 'b',
        user: i % 800 === 0 ? 'rare' : `u${i % 4}`,
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
    await db?.command({ profile: 2 });
    const next = (cursor: string) => pageOf(trail, `limit=${LIMIT}&${query}&${cursor}`, as);
    const pages = await walk(await next(''), 'end_cursor', next);
    await walk(pages.at(-1) as Logs, 'previous_end_cursor', next);
    await db?.command({ profile: 0 });
    const filter = { op: 'query', ns: `${db?.databaseName}.auditevents` };
    const found = await db?.collection<Profiled>('system.profile').find(filter).toArray();
    expect(found).toHaveLength(pages.length * 2 - 1);
    return found ?? [];
  }

  it.each<[string, string, Token, number]>([
    ['of everything', '', 'fake-token-all', LIMIT + 1],
    ['of everything, oldest first', 'sort_direction=asc', 'fake-token-all', LIMIT + 1],
    ['of one tenant', '', 'fake-token-a', 2 * LIMIT + 2],
    ['of one user', 'keycloakUuid=u1', 'fake-token-all', 4 * LIMIT + 8],
    ['of one log', 'logName=shop', 'fake-token-all', LIMIT + 1],
  ])('%s is that of its rows, however deep it is, by the index of ids', async (_what, query, as, most) => {
    for (const { planSummary, hasSortStage, docsExamined } of await profileOf(query, as)) {
      expect([planSummary, hasSortStage ?? false]).toEqual(['IXSCAN { id: 1 }', false]);
      expect(docsExamined).toBeLessThanOrEqual(most);
    }
  });

  it("is that of a rare user's events, by the user's index", async () => {
    for (const { planSummary, docsExamined } of await profileOf('keycloakUuid=rare', 'fake-token-all')) {
      expect(planSummary).toContain('user.id');
      expect(docsExamined).toBe(COUNT / 800);
    }
  });
});
