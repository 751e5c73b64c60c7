import { EXPRESSES } from '../support/app';
import { type AuditTrail, type Log, logsOf, startAuditTrail } from './audit-contract';
import { AUDIT_SORTS } from './audit-model';
import { type Ask, row } from './trail';

const DAY_MS = 86_400_000;
const START = Date.now() - DAY_MS;
const COUNT = 110;
/** On five timestamps, so that nearly every page ends amid equal ones. */
const rows = Array.from({ length: COUNT }, (_, i) =>
  row(START + (i % 5), {
    id: i + 1,
    tenant: i % 3 === 0 ? 'b' : 'a',
    ...(i % 4 > 0 && {
      actor: { id: `u${i % 4}`, email: i % 8 > 4 ? 'e@x.example' : null, name: `n${i % 2}` },
    }),
    stored: { name: `Name${i % 6}`, source: i % 2 === 0 ? null : 's', status: i % 7 ? 'success' : 'intent' },
  }),
);
const idsOf = (logs: readonly Log[]) => logs.map(({ id }) => id);
const inOrder = (ids: readonly number[]) => [...ids].sort((a, b) => a - b);

describe.each(EXPRESSES)('audit on %s', (_, express) => {
  let trail: AuditTrail;
  const logs = async (query: string, options?: Ask) => logsOf(await trail.get(query, options));

  /** All pages, until one is not full. */
  async function walk(query: string, limit: number): Promise<number[]> {
    const seen: number[] = [];
    for (let skip = 0; ; skip += limit) {
      const page = await logs(`?${query}&skip=${skip}&limit=${limit}`, { as: 'fake-token-a' });
      seen.push(...idsOf(page));
      if (page.length < limit) return seen;
    }
  }

  beforeAll(async () => {
    trail = await startAuditTrail({ express });
  });

  it('answers no logs where there are none, and one where there is one', async () => {
    expect(await logs('')).toEqual([]);
    await trail.store(rows.slice(0, 1));
    expect(idsOf(await logs(''))).toEqual([1]);
    expect(await logs('?skip=1')).toEqual([]);
    await trail.store(rows.slice(1));
  });

  it.each(AUDIT_SORTS)('meets every event once, to the end, sorted by %s', async (sort) => {
    const whole = idsOf(await logs(`?limit=1000&sort_by=${sort}`, { as: 'fake-token-a' }));
    expect(await walk(`sort_by=${sort}`, 9)).toEqual(whole);
    expect(inOrder(whole)).toEqual(rows.flatMap(({ tenant, id = 0 }) => (tenant === 'a' ? [id] : [])));
  });

  it('sorts by several columns, the first of which counts most', async () => {
    const found = await logs('?sort_by=status&sort_by=-action&sort_by=id&limit=1000');
    const keyOf = ({ status, action }: Log) =>
      [status === 'intent' ? 0 : 1, -Number(action.slice(4))] as const;
    const expected = [...found].sort((a, b) => {
      const [[s, n], [t, m]] = [keyOf(a), keyOf(b)];
      return s - t || n - m || a.id - b.id;
    });
    expect(idsOf(found)).toEqual(idsOf(expected));
    const twice = await logs('?sort_by=id&sort_by=-id&limit=3');
    expect(idsOf(twice)).toEqual([1, 2, 3]);
  });

  it('gives 100 events and the newest first unless told otherwise, and 1000 at most', async () => {
    const found = await logs('');
    expect(found).toHaveLength(100);
    expect(found).toEqual(await logs('?skip=0&limit=100&sort_by=-created_at'));
    const times = found.map(({ created_at }) => created_at);
    expect(times).toEqual([...times].sort().reverse());
    expect(await logs('?limit=1000')).toHaveLength(COUNT);
    expect(await logs('?skip=2147483647')).toEqual([]);
  });

  it('walks on undisturbed below an upper bound of time while events arrive', async () => {
    const before = new Date(START + 60_000).toISOString();
    const seen: number[] = [];
    for (let skip = 0; skip < COUNT; skip += 20) {
      seen.push(...idsOf(await logs(`?before=${before}&limit=20&skip=${skip}`)));
      trail.audit.record({ name: 'ArrivedMeanwhile' });
      await trail.audit.flush();
    }
    expect(inOrder(seen)).toEqual(rows.map(({ id }) => id));
  });
});

describe('the time that audit shows', () => {
  const MINUTE_MS = 60_000;
  const now = new Date();
  const yearAgo = Date.UTC(now.getUTCFullYear() - 1, now.getUTCMonth(), now.getUTCDate(), now.getUTCHours());
  const stored = [
    row(now.getTime() + 10 * MINUTE_MS, { id: 4 }),
    row(now.getTime() - MINUTE_MS, { id: 3 }),
    row(yearAgo + 2 * DAY_MS, { id: 2 }),
    row(yearAgo - 2 * DAY_MS, { id: 1 }),
  ];
  let trail: AuditTrail;
  beforeAll(async () => {
    trail = await startAuditTrail();
    await trail.store(stored);
  });

  it.each<[string, number[]]>([
    ['', [3, 2]],
    ['?before=9999-12-31', [4, 3, 2]],
    ['?after=0000-01-01', [3, 2, 1]],
    ['?after=1970-01-01&before=9999-12-31T23:59:59.999999Z', [4, 3, 2, 1]],
    ['?created_at=gt:1970-01-01', [3, 2]],
  ])('is the year before now unless bounds say otherwise: %s', async (query, ids) => {
    expect(idsOf(logsOf(await trail.get(query)))).toEqual(ids);
  });
});
