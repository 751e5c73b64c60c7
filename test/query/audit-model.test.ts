import fc from 'fast-check';
import { type AuditTrail, logsOf, startAuditTrail } from './audit-contract';
import { AUDIT_SORTS, type AuditQuery, expectedLogs } from './audit-model';
import { READERS, type Row } from './trail';

const START = Date.parse('2026-05-01T00:00:00Z');
const MICROS = 1_000;
const TEXTS = [
  'Ann',
  'ann',
  'ÄNN',
  'änn',
  'a.*n',
  '.*',
  '%',
  '$ne',
  '^a',
  '\\',
  '[a]',
  'gt:1',
  'eq:x',
  'a:b',
  '␛',
  '😀',
  ' ',
];
const STATUSES = ['success', 'failure', 'intent'] as const;
const TOKENS = ['fake-token-all', 'fake-token-a', 'fake-token-a-b', 'fake-token-empty'] as const;
/** Begins with a predicate, known or not for its column: it needs one of its own. */
const PREFIXED = /^(?:~?eq|neq|gte?|lte?):/;

const some = <T>(values: readonly T[]) => fc.constantFrom(...values);
const orNull = <T>(values: readonly T[]) => fc.option(some(values), { nil: null });

const rowArbitrary: fc.Arbitrary<Row> = fc
  .record({
    uuid: fc.uuid(),
    ms: fc.integer({ min: 0, max: 4 }),
    tenant: orNull(['a', 'b', 'c']),
    actor: fc.option(fc.record({ id: some(TEXTS), email: orNull(TEXTS), name: orNull(TEXTS) }), {
      nil: undefined,
    }),
    id: fc.integer({ min: 1, max: 2_000 }),
    name: some(TEXTS),
    requestId: some(TEXTS),
    source: fc.option(some(TEXTS), { nil: undefined }),
    status: some(STATUSES),
  })
  .map(({ uuid, ms, tenant, actor, id, source, ...stored }) => ({
    uuid,
    timestamp: new Date(START + ms),
    tenant,
    id,
    ...(actor !== undefined && { actor }),
    stored: { ...stored, ...(source !== undefined && { source }) },
  }));

const texts = some([...TEXTS, 'a', 'N', ':', '1', '.', 'nobody']);
const COLUMNS = ['actor_id', 'actor_name', 'actor_email', 'action', 'request_id', 'source'] as const;
const condition = fc.oneof(
  fc.record({ column: some(COLUMNS), predicate: some(['', 'eq', '~eq', 'neq'] as const), value: texts }),
  fc.record({
    column: fc.constant('id'),
    predicate: some(['', 'eq', '~eq', 'neq'] as const),
    value: some(['1', '10', '7', '007', '99', '1234', 'x', '.', '1.0']),
  }),
  fc.record({
    column: fc.constant('status'),
    predicate: some(['', 'eq', 'neq'] as const),
    value: some(STATUSES),
  }),
);
const time = fc.integer({ min: -500, max: 4_500 }).map((micros) => START * MICROS + micros - (micros % 250));
const askedArbitrary: fc.Arbitrary<AuditQuery> = fc
  .record(
    {
      where: fc.uniqueArray(condition, { selector: ({ column }) => column, maxLength: 2 }),
      created_at: fc.record({ predicate: some(['', 'eq', 'neq', 'gt', 'gte', 'lt', 'lte'] as const), time }),
      before: fc.oneof(time, fc.constant((START + 100) * MICROS)),
      after: fc.oneof(time, fc.constant((START - 100) * MICROS)),
      sort_by: fc.array(some(AUDIT_SORTS), { maxLength: 3 }),
      skip: fc.integer({ min: 0, max: 6 }),
      limit: some([1, 2, 5, 100, 1000]),
    },
    { requiredKeys: ['where', 'sort_by', 'before', 'after'] },
  )
  // without a predicate, such a text would be one
  .filter(({ where }) => where.every(({ predicate, value }) => predicate !== '' || !PREFIXED.test(value)));

/** RFC 3339 with the digits of microseconds. */
function instant(micros: number): string {
  const ms = Math.floor(micros / MICROS);
  return new Date(ms).toISOString().replace('Z', `${String(micros - ms * MICROS).padStart(3, '0')}Z`);
}

const behind = (predicate: string, value: string) => (predicate === '' ? value : `${predicate}:${value}`);

function toQuery({ where, created_at, before, after, sort_by, skip, limit }: AuditQuery): URLSearchParams {
  const query = new URLSearchParams({ before: instant(before), after: instant(after) });
  for (const { column, predicate, value } of where) query.set(column, behind(predicate, value));
  if (created_at !== undefined)
    query.set('created_at', behind(created_at.predicate, instant(created_at.time)));
  for (const sort of sort_by) query.append('sort_by', sort);
  if (skip !== undefined) query.set('skip', String(skip));
  if (limit !== undefined) query.set('limit', String(limit));
  return query;
}

let trail: AuditTrail;
beforeAll(async () => {
  trail = await startAuditTrail();
});

it('audit answers what filtering and sorting an array would, to the microsecond', async () => {
  const events = trail.connection.db?.collection('auditevents');
  const cases = fc.array(fc.tuple(askedArbitrary, some(TOKENS)), { minLength: 30, maxLength: 30 });
  const rows = fc.uniqueArray(rowArbitrary, { selector: ({ id }) => id, maxLength: 30, size: '+1' });
  await fc.assert(
    fc.asyncProperty(rows, cases, async (stored, all) => {
      await events?.deleteMany({});
      await trail.store(stored);
      for (const [asked, as] of all) {
        const query = toQuery(asked).toString();
        const ids = logsOf(await trail.get(`?${query}`, { as })).map(({ id }) => id);
        expect({ query, ids }).toEqual({ query, ids: expectedLogs(stored, asked, READERS[as].tenants) });
      }
    }),
    { numRuns: 20, endOnFailure: true },
  );
});
