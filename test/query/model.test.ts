import fc from 'fast-check';
import { listOf } from './contract';
import { expectedList, type ListParameters, SORTS } from './model';
import { READERS, type Row, startTrail, type Trail } from './trail';

const START = Date.parse('2026-05-01T00:00:00Z');
const TYPES = ['orders', 'Orders', 'ordérs', '$ne', 'users'];
const USERS = ['1', '2', '10', 'Ann', 'ann', 'ánn', '$gt', '\uffee', '😀', ' ', 'null'];
const IDS = ['0', '1', '10', '2', '007', '2147483648', 'x', 'X', '{"$ne":1}', '\uffee', '😀', 'a b&c=d+e%2B'];
const ADDRESSES = ['10.0.0.1', '10.0.0.10', '9.9.9.9', '2001:db8::1', '::1'];
const URLS = ['http://x.example/', 'http://x.example/a', 'http://x.example/B', 'https://x.example/'];
const TOKENS = ['fake-token-all', 'fake-token-a', 'fake-token-a-b', 'fake-token-empty'] as const;

const time = fc.integer({ min: 0, max: 6 }).map((ms) => START + ms);
const some = <T>(values: readonly T[]) => fc.constantFrom(...values);
const orNull = <T>(values: readonly T[]) => fc.option(some(values), { nil: null });

const rowArbitrary: fc.Arbitrary<Row> = fc.record({
  uuid: fc.uuid(),
  timestamp: time.map((ms) => new Date(ms)),
  user: orNull(USERS),
  type: some(TYPES),
  objectId: some(IDS),
  url: orNull(URLS),
  remoteAddr: orNull(ADDRESSES),
  tenant: orNull(['a', 'b', 'c']),
});

const filters = fc.record({
  user: some(USERS),
  object_id: some(IDS),
  content_type: some(TYPES),
  timestamp: time,
  timestamp__gt: time,
  timestamp__gte: time,
  timestamp__lt: time,
  timestamp__lte: time,
});
const NAMES = [
  'user',
  'object_id',
  'content_type',
  'timestamp',
  'timestamp__gt',
  'timestamp__gte',
  'timestamp__lt',
  'timestamp__lte',
] as const;
/** Few filters at a time, so that much is found. */
const askedArbitrary: fc.Arbitrary<ListParameters> = fc
  .tuple(
    filters,
    fc.subarray([...NAMES], { maxLength: 2 }),
    fc.record(
      { sort: some(SORTS), page: fc.integer({ min: 1, max: 4 }), limit: some([1, 2, 3, 10, 25, 1000]) },
      { requiredKeys: [] },
    ),
  )
  .map(([values, names, rest]) => ({
    ...Object.fromEntries(names.map((name) => [name, values[name]])),
    ...rest,
  }));

let trail: Trail;
const numbers = new Map<string, number>();

beforeAll(async () => {
  trail = await startTrail();
  for (const type of TYPES) trail.audit.record({ name: 'Seen', object: { type, id: '1' } });
  await trail.audit.flush();
  for (const { object_type, content_type } of listOf(await trail.get('')).results)
    numbers.set(object_type, content_type);
});

function toQuery(asked: ListParameters): URLSearchParams {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(asked)) {
    if (value === undefined) continue;
    if (name === 'content_type') query.set(name, String(numbers.get(value)));
    else query.set(name, name.startsWith('timestamp') ? new Date(value).toISOString() : String(value));
  }
  return query;
}

async function check(
  rows: readonly Row[],
  asked: ListParameters,
  as: (typeof TOKENS)[number],
): Promise<void> {
  const answer = await trail.get(`/?${toQuery(asked)}`, { as });
  const expected = expectedList(rows, asked, READERS[as].tenants);
  if (expected === null) {
    expect([answer.status, answer.body]).toEqual([404, { detail: 'Invalid page.' }]);
    return;
  }
  const { count, results, next, previous } = listOf(answer);
  const uuids = results.map(({ uuid }) => uuid);
  expect({ count, uuids, hasNext: next !== null, hasPrevious: previous !== null }).toEqual(expected);
}

it('answers what filtering and sorting an array would', async () => {
  const events = trail.connection.db?.collection('auditevents');
  const cases = fc.array(fc.tuple(askedArbitrary, some(TOKENS)), { minLength: 15, maxLength: 15 });
  const rows = fc.uniqueArray(rowArbitrary, { selector: ({ uuid }) => uuid, maxLength: 30, size: '+1' });
  await fc.assert(
    fc.asyncProperty(rows, cases, async (stored, all) => {
      await events?.deleteMany({});
      await trail.store(stored);
      for (const [asked, as] of all) await check(stored, asked, as);
    }),
    { numRuns: 20, endOnFailure: true },
  );
});

it.each(SORTS)('sorts by %s, ties by uuid in the same direction', async (sort) => {
  const events = trail.connection.db?.collection('auditevents');
  const rows = fc.sample(rowArbitrary, { numRuns: 60, seed: 7 });
  if ((await events?.countDocuments({ requestId: rows[0]?.uuid })) === 0) {
    await events?.deleteMany({});
    await trail.store(rows);
  }
  for (const as of ['fake-token-all', 'fake-token-a-b'] as const) {
    await check(rows, { sort, limit: 1000 }, as);
    await check(rows, { sort, limit: 7, page: 3 }, as);
  }
});
