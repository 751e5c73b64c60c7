import { EXPRESSES } from '../support/app';
import { type ApiEvent, type ApiList, listOf } from './contract';
import { SORTS } from './model';
import { ask, row, startTrail, type Trail } from './trail';

const START = Date.parse('2026-04-01T00:00:00Z');
/** 47 events on five timestamps, so that nearly every page ends amid equal ones. */
const rows = Array.from({ length: 47 }, (_, i) =>
  row(START + (i % 5), {
    tenant: i % 3 === 0 ? 'b' : 'a',
    user: i % 4 === 0 ? null : `u${i % 4}`,
    type: `type${i % 2}`,
    objectId: String(i % 6),
    url: i % 7 === 0 ? null : `http://x.example/${i % 7}`,
    remoteAddr: `10.0.0.${i % 3}`,
  }),
);
const ownUuids = rows.filter(({ tenant }) => tenant === 'a').map(({ uuid }) => uuid);

let trail: Trail;
const uuidsOf = (events: readonly ApiEvent[]) => events.map(({ uuid }) => uuid);

/** All pages from one on, by the links of the answers. */
async function walk(url: string, link: 'next' | 'previous', as: 'fake-token-a' | 'fake-token-all') {
  const pages: ApiList[] = [];
  for (let at: string | null = url; at !== null; at = pages.at(-1)?.[link] ?? null) {
    pages.push(listOf(await ask(at, { as })));
    if (pages.length > rows.length) throw new Error('the pages do not end');
  }
  return pages;
}

describe.each(EXPRESSES)('paging on %s', (_, express) => {
  beforeAll(async () => {
    trail = await startTrail({ express });
    await trail.store(rows);
  });

  it.each(SORTS)('meets every event once, to the end and back, sorted by %s', async (sort) => {
    const url = `${trail.url}/audit-events/?limit=4&sort=${sort}`;
    const whole = listOf(await ask(`${url.replace('limit=4', 'limit=1000')}`, { as: 'fake-token-a' }));
    const forward = await walk(url, 'next', 'fake-token-a');
    expect(forward.flatMap(({ results }) => uuidsOf(results))).toEqual(uuidsOf(whole.results));
    expect(uuidsOf(whole.results).sort()).toEqual([...ownUuids].sort());
    expect(new Set(forward.map(({ count }) => count))).toEqual(new Set([ownUuids.length]));
    expect(forward.map(({ results }) => results.length)).toEqual([4, 4, 4, 4, 4, 4, 4, 3]);
    const backward = await walk(`${url}&page=${forward.length}`, 'previous', 'fake-token-a');
    expect(backward.reverse().map(({ results }) => uuidsOf(results))).toEqual(
      forward.map(({ results }) => uuidsOf(results)),
    );
  });

  it.each([
    ['a page that all of them fill', 47, 1],
    ['a page with room for more', 1000, 1],
    ['one a page', 1, 47],
    ['a last page that is not full', 9, 6],
  ])('ends without a next link: %s', async (_what, limit, pages) => {
    const path = `/?limit=${limit}&page=${pages}`;
    const last = listOf(await trail.get(path));
    expect([last.next, last.count]).toEqual([null, 47]);
    expect(last.results).toHaveLength(47 - (pages - 1) * limit);
    expect((await trail.get(`/?limit=${limit}&page=${pages + 1}`)).status).toBe(404);
  });

  it('gives 25 events a page and the newest first unless told otherwise', async () => {
    const { results, count } = listOf(await trail.get('/'));
    expect([results.length, count]).toEqual([25, 47]);
    const times = results.map(({ timestamp }) => Date.parse(timestamp));
    expect(times).toEqual([...times].sort((a, b) => b - a));
    expect(times[0]).toBe(START + 4);
  });

  it('walks on undisturbed below an upper bound of time while events arrive', async () => {
    const url = `${trail.url}/audit-events/?limit=10&timestamp__lt=2026-04-02`;
    const seen: string[] = [];
    for (let at: string | null = url; at !== null; ) {
      const page: ApiList = listOf(await ask(at));
      seen.push(...uuidsOf(page.results));
      at = page.next;
      trail.audit.record({ name: 'ArrivedMeanwhile' });
      await trail.audit.flush();
    }
    expect(seen.sort()).toEqual(rows.map(({ uuid }) => uuid).sort());
  });
});
