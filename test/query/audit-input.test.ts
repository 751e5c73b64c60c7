import { EXPRESSES } from '../support/app';
import { type AuditTrail, logsOf, problemOf, startAuditTrail } from './audit-contract';
import { row } from './trail';

const NAMES =
  'skip, limit, created_at, sort_by, before, after, id, actor_id, actor_name, actor_email, action, request_id, source, status';
const SKIP = 'skip: Must be an integer from 0 to 2147483647.';
const LIMIT = 'limit: Must be an integer from 1 to 1000.';
const TEXT = 'Must be a text of 1 to 256 characters.';
const DATE = 'Must be a date-time of RFC 3339 with Z or an offset';
const STATUS = 'status: Must be one of success, failure, intent.';
const TEXTS = ['id', 'actor_id', 'actor_name', 'actor_email', 'action', 'request_id', 'source'];

const WRONG: readonly (readonly [string, string])[] = [
  // unknown, bracketed, repeated
  ['actorid=1', 'actorid: Unknown parameter: "actorid". Did you mean \'actor_id\'?'],
  ['sortby=id', "Did you mean 'sort_by'?"],
  ['page=1', `Allowed: ${NAMES}. Received "1".`],
  ['commit_id=x', 'commit_id: Unknown parameter'],
  ['__proto__=1', '__proto__: Unknown parameter'],
  ['$where=sleep(1)', '$where: Unknown parameter'],
  [
    'actor_id[$ne]=1',
    'actor_id[$ne]: Parameters take no brackets: "actor_id[$ne]". Did you mean \'actor_id\'?',
  ],
  ['sort_by[]=id', "Did you mean 'sort_by'?"],
  ['actor_id=1&actor_id=2', 'actor_id: Must be given once. Received "1" and "2".'],
  ['created_at=gt:2026-01-01&created_at=lt:2026-02-01', 'created_at: Must be given once.'],
  ['Prefer=wait=1', 'Prefer: Unknown parameter'],
  // numbers
  ...['-1', '1e9', 'NaN', '0x10', '1.5', '', '2147483648', '01', '%2B1'].map(
    (n) => [`skip=${n}`, SKIP] as const,
  ),
  ...['-1', '0', '1001', '1e9', 'NaN', '0x10', '', 'all'].map((n) => [`limit=${n}`, LIMIT] as const),
  // sorting
  ['sort_by=', 'sort_by: Must be one of -created_at, created_at, '],
  ['sort_by=$natural', 'sort_by: Must be one of'],
  ['sort_by=creatd_at', 'Did you mean \'created_at\'? Received "creatd_at".'],
  ['sort_by=id&sort_by=nmae', 'Received "nmae".'],
  ['sort_by=id,status', 'Received "id,status".'],
  ['sort_by=source_ip_address', 'sort_by: Must be one of'],
  ['sort_by=__proto__', 'sort_by: Must be one of'],
  ['sort_by=--id', "Did you mean '-id'?"],
  [Array(10).fill('sort_by=id').join('&'), 'sort_by: Must be given at most 9 times.'],
  // dates
  ...['yesterday', '2026-02-30', '2026-01-01T00:00:00', '', 'gt:2026-01-01'].flatMap((text) => [
    [`before=${text}`, `before: ${DATE}`] as const,
    [`after=${text}`, `after: ${DATE}`] as const,
  ]),
  ['after=2026-01-01T00:00:00+01:00', "after: The offset's + came as a space: write it as %2B."],
  ...['yesterday', 'gt:', 'foo:2026-01-01', 'gt:2026-02-30', 'gt:gt:2026-01-01', ''].map(
    (text) => [`created_at=${text}`, `created_at: ${DATE}`] as const,
  ),
  [
    'created_at=~eq:2026-01-01',
    'created_at: Takes the predicates eq, neq, gt, gte, lt, lte, not ~eq. Received "~eq:2026-01-01".',
  ],
  // predicates
  ...TEXTS.flatMap((name) => [
    ...['gt', 'gte', 'lt', 'lte'].map(
      (predicate) =>
        [`${name}=${predicate}:1`, `${name}: Takes the predicates eq, ~eq, neq, not ${predicate}; `] as const,
    ),
    ...['', 'eq:', '~eq:', 'neq:', 'x'.repeat(257)].map(
      (text) => [`${name}=${text}`, `${name}: ${TEXT}`] as const,
    ),
  ]),
  ...['', 'eq:', 'sucess', 'Success', 'foo:success', 'eq:eq:success', 'neq:aborted'].map(
    (text) => [`status=${text}`, STATUS] as const,
  ),
  ['status=eq:sucess', 'Did you mean \'success\'? Received "eq:sucess".'],
  ...['~eq', 'gt', 'gte', 'lt', 'lte'].map(
    (predicate) =>
      [`status=${predicate}:success`, `status: Takes the predicates eq, neq, not ${predicate}. `] as const,
  ),
  ['action=%FF', 'action: Must be percent-encoded UTF-8.'],
];

/** What stands for itself: neither an operator nor a pattern, nor a predicate. */
const HOSTILE = [
  '$ne',
  '{"$gt":""}',
  '.*',
  '(a+)+$',
  '%',
  '_',
  '\\',
  '[',
  "' OR 1=1 --",
  '__proto__',
  'constructor',
  'a:b:c',
  '\0',
  '\u241B0041',
  '\u{1F600}',
  'null',
  'x'.repeat(256),
];

const PREFERRED: readonly (readonly [string, string | null])[] = [
  ['wait=1', 'wait=1'],
  ['wait=9', 'wait=9'],
  ['wait=10', 'wait=9'],
  [`wait=${'9'.repeat(400)}`, 'wait=9'],
  ['wait=007', 'wait=7'],
  ['WAIT = 2', 'wait=2'],
  ['wait="2"', 'wait=2'],
  ['wait=2;x="y,z"', 'wait=2'],
  ['respond-async, wait=2', 'wait=2'],
  ['respond-async;wait=3', null],
  ['wait=2, wait=3', 'wait=2'],
  ['wait=2, wait=x', 'wait=2'],
  ['foo="a, wait=x", wait=2', 'wait=2'],
  ['foo="a\\", wait=x", wait=2', 'wait=2'],
  ['foo="open, wait=x', null],
  [',, wait=2 ,', 'wait=2'],
  ['return=minimal', null],
  ['await=x', null],
  ['waiting=x', null],
  ['10', null],
  ['?!', null],
];
const MISPREFERRED = [
  'wait',
  'wait=',
  'wait=0',
  'wait=00',
  'wait=-1',
  'wait=1.5',
  'wait=1e2',
  'wait=x',
  'wait=""',
  'wait="x"',
  'wait=1 2',
  'wait="1',
  'Wait=NaN',
  'respond-async, wait=x',
  'wait=x, wait=2',
  `${'a,'.repeat(60_000)}wait=x`,
];

describe.each(EXPRESSES)('a request of audit on %s', (_, express) => {
  let trail: AuditTrail;
  const stored = row(Date.now() - 60_000, { id: 1 });

  beforeAll(async () => {
    trail = await startAuditTrail({ express, options: { maxTimeMS: 9_000 } });
    await trail.store([stored]);
  });

  it.each(WRONG)('with ?%s is 400 and says: %s', async (query, message) => {
    expect(problemOf(await trail.get(`?${query}`, { headers: { 'X-Request-Id': 'r-1' } }))).toEqual({
      status: 400,
      message: expect.stringContaining(message),
      requestId: 'r-1',
    });
  });

  it.each(HOSTILE)('takes %j for what it is', async (text) => {
    const value = encodeURIComponent(text);
    for (const name of TEXTS) {
      for (const predicate of ['', ...(text.length < 250 ? ['eq:', '~eq:'] : [])])
        expect([name, predicate, logsOf(await trail.get(`?${name}=${predicate}${value}`)).length]).toEqual([
          name,
          predicate,
          0,
        ]);
    }
    if (text.length < 250) expect(logsOf(await trail.get(`?actor_id=neq:${value}`))).toHaveLength(1);
  });

  it.each(PREFERRED)('with Prefer: %s is told that %j was applied', async (prefer, applied) => {
    const answer = await trail.get('', { headers: { Prefer: prefer } });
    expect(logsOf(answer)).toHaveLength(1);
    expect(answer.headers.get('preference-applied')).toBe(applied);
  });

  it.each(MISPREFERRED)('with Prefer: %s is 400', async (prefer) => {
    const answer = await trail.get('', { headers: { Prefer: prefer } });
    expect(problemOf(answer)).toMatchObject({
      status: 400,
      message: expect.stringContaining('Prefer: wait must be an integer of seconds above 0, like wait=10.'),
    });
    expect(answer.headers.get('preference-applied')).toBeNull();
  });

  it('reports nothing to the operator for what a client got wrong', () => {
    expect(trail.errors).toEqual([]);
  });
});
