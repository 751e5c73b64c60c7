import fc from 'fast-check';
import { escapeText } from '../../lib/escape';
import {
  type AuditEventFilter,
  type Condition,
  createAudit,
  type Sort,
  type StoredEvent,
} from '../../lib/index';
import { allEvents, freshUri } from '../support/app';
import { filtered, sorted } from './condition-model';
import { closedAtEnd, type Row, row, startTrail, type Trail } from './trail';

const START = Date.parse('2026-05-01T00:00:00Z');
const LIMITS = { maxTimeMS: 20_000 };
const ALL = { tenants: '*' } as const;
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
  'n$',
  '\\',
  '[a]',
  '(',
  '␛',
  '241b',
];
const ADDRESSES = ['10.0.0.1', '2001:db8::1', '::1'];
const SPELLINGS = [...ADDRESSES, '::ffff:10.0.0.1', '2001:DB8:0:0:0:0:0:1', '0:0::1', 'no address'];
const LABELS = ['x', '7', 7, 70];

const some = <T>(values: readonly T[]) => fc.constantFrom(...values);
const orNone = <T>(values: readonly T[]) => fc.option(some(values), { nil: undefined });
const defined = (fields: object) =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));

const rowArbitrary: fc.Arbitrary<Row> = fc
  .record({
    ms: fc.integer({ min: 0, max: 4 }),
    tenant: fc.option(some(['a', 'b']), { nil: null }),
    actor: fc.option(
      fc.record({
        id: some(TEXTS),
        email: fc.option(some(TEXTS), { nil: null }),
        name: some([null, 'x', 'y']),
      }),
      { nil: undefined },
    ),
    remoteAddr: fc.option(some(ADDRESSES), { nil: null }),
    type: some(['orders', 'users']),
    objectId: some(['1', '2', 'x']),
    stored: fc
      .record({
        name: some(TEXTS),
        action: some(['create', 'update', 'delete', 'access']),
        status: some(['intent', 'success', 'failure']),
        kind: some(['request', 'change', 'event']),
        changeCount: orNone([0, 1, 2]),
        source: orNone(['app', 'App', 'job']),
        host: orNone(['x.example', 'y.example']),
        route: orNone(['x', 'y']),
        system: fc.boolean(),
        labels: orNone(LABELS.map((caller) => ({ caller }))),
        association: orNone([
          { name: 'members', change: 'associated', with: { type: 'users', id: '1' } },
          { name: 'tags', change: 'disassociated', with: { type: 'users', id: '1' } },
        ]),
      })
      .map(defined),
  })
  .map(({ ms, actor, ...rest }) => row(START + ms, { ...rest, ...(actor && { actor }) }));

const textFields = some([
  'user.id',
  'user.email',
  'user.name',
  'name',
  'action',
  'status',
  'kind',
  'source',
  'tenant',
  'object.type',
  'object.id',
  'host',
  'route',
  'association.name',
  'association.change',
  'labels.caller',
] as const);
const texts = some([
  ...TEXTS,
  'a',
  'N',
  'x',
  '7',
  'create',
  'success',
  'intent',
  'app',
  'orders',
  '1',
  'members',
]);
const date = fc.integer({ min: -1, max: 5 }).map((ms) => new Date(START + ms));
const comparison: fc.Arbitrary<Condition> = fc.oneof(
  fc.record({ field: textFields, op: some(['eq', 'neq'] as const), value: fc.option(texts, { nil: null }) }),
  fc.record({
    field: some(['user.id', 'user.email', 'name', 'source'] as const),
    op: fc.constant('contains' as const),
    value: texts,
  }),
  fc.record({ field: textFields, op: fc.constant('in' as const), value: fc.array(texts, { maxLength: 3 }) }),
  fc.record({
    field: fc.constant('remoteAddr' as const),
    op: some(['eq', 'neq'] as const),
    value: some(SPELLINGS),
  }),
  fc.record({
    field: fc.constant('timestamp' as const),
    op: some(['eq', 'neq', 'gt', 'gte', 'lt', 'lte'] as const),
    value: date,
  }),
  fc.record({
    field: fc.constant('id' as const),
    op: some(['eq', 'neq', 'gt', 'gte', 'lt', 'lte'] as const),
    value: fc.integer({ min: 0, max: 40 }),
  }),
  fc.record({
    field: fc.constant('id' as const),
    op: fc.constant('contains' as const),
    value: some(['1', '10', '9']),
  }),
  fc.record({ field: fc.constant('system' as const), op: fc.constant('eq' as const), value: fc.boolean() }),
  fc.constant({ op: 'never' as const }),
);
const condition: fc.Arbitrary<Condition> = fc.oneof(
  { weight: 4, arbitrary: comparison },
  {
    weight: 1,
    arbitrary: fc.record({ op: some(['or', 'and'] as const), of: fc.array(comparison, { maxLength: 3 }) }),
  },
);
const filterArbitrary: fc.Arbitrary<AuditEventFilter> = fc.record({
  where: fc.array(condition, { maxLength: 2 }),
  visibility: some(['all', 'object-level'] as const),
});
const sortArbitrary: fc.Arbitrary<Sort> = fc.array(
  fc.record({
    field: some([
      'timestamp',
      'id',
      'uuid',
      'user.id',
      'user.email',
      'name',
      'action',
      'status',
      'source',
    ] as const),
    descending: fc.boolean(),
  }),
  { maxLength: 3 },
);

const mongo = freshUri();
let trail: Trail;
const uuidsOf = (events: readonly StoredEvent[]) => events.map(({ uuid }) => uuid);

/** Recording escapes what it stores; a filter names the plain text. */
function asStored(one: Row, id: number): Row {
  const { actor, stored } = one;
  const escaped = (text: string | null): string | null => (text === null ? null : escapeText(text));
  const name = escapeText(String(stored?.name));
  const user = actor && { ...actor, id: escaped(actor.id), email: escaped(actor.email) };
  return { ...one, id, stored: { ...stored, name }, ...(user && { actor: user }) };
}

async function restart(rows: readonly Row[]): Promise<readonly StoredEvent[]> {
  await trail.connection.db?.collection('auditevents').deleteMany({});
  await trail.store(rows.map((one, i) => asStored(one, i + 1)));
  await trail.connection.db
    ?.collection('auditcounters')
    .updateOne({ _id: 'events' as never }, { $set: { last: 1_000, blocks: [] } }, { upsert: true });
  return allEvents(trail.audit);
}

beforeAll(async () => {
  trail = await startTrail({ options: { mongo } });
});

describe('a filter', () => {
  it('gives what filtering and sorting an array would, and counts it', async () => {
    const rows = fc.array(rowArbitrary, { minLength: 5, maxLength: 30, size: '+1' });
    const asked = fc.array(fc.tuple(filterArbitrary, sortArbitrary), { minLength: 40, maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(rows, asked, async (stored, queries) => {
        const events = await restart(stored);
        const { reader } = trail.audit;
        for (const [filter, sort] of queries) {
          const expected = uuidsOf(sorted(filtered(events, filter), sort));
          const page = { skip: 0, limit: 100 };
          expect({
            filter,
            sort,
            uuids: uuidsOf(await reader.find(ALL, filter, sort, page, LIMITS)),
          }).toEqual({
            filter,
            sort,
            uuids: expected,
          });
          expect(await reader.count(ALL, filter, LIMITS)).toBe(expected.length);
        }
      }),
      { numRuns: 15, endOnFailure: true },
    );
  });

  it('walks by creation time to the end and back as the array has it, whatever the size of a page', async () => {
    const rows = fc.array(rowArbitrary, { maxLength: 25, size: '+1' });
    const asked = fc.tuple(filterArbitrary, fc.boolean(), fc.integer({ min: 1, max: 7 }));
    await fc.assert(
      fc.asyncProperty(rows, fc.array(asked, { minLength: 10, maxLength: 10 }), async (stored, queries) => {
        const events = await restart(stored);
        const { reader } = trail.audit;
        for (const [filter, descending, limit] of queries) {
          const expected = sorted(filtered(events, filter), [{ field: 'timestamp', descending }]);
          let page = await reader.walk(ALL, filter, { descending, limit, from: null }, LIMITS);
          expect(page.before).toBeNull();
          const forward = [page.events];
          while (page.after !== null) {
            page = await reader.walk(ALL, filter, { descending, limit, from: page.after }, LIMITS);
            forward.push(page.events);
          }
          expect(uuidsOf(forward.flat())).toEqual(uuidsOf(expected));
          const backward = [page.events];
          while (page.before !== null) {
            page = await reader.walk(ALL, filter, { descending, limit, from: page.before }, LIMITS);
            backward.unshift(page.events);
          }
          expect(backward.map(uuidsOf)).toEqual(forward.map(uuidsOf));
        }
      }),
      { numRuns: 10, endOnFailure: true },
    );
  });
});

describe('a walk', () => {
  it('meets each event that was there when it began once, there and back, while others write', async () => {
    const writers = [trail.audit, closedAtEnd(createAudit({ mongo, flushIntervalMs: 1 }))];
    await restart([]);
    const record = (): void => {
      for (const audit of writers) for (let i = 0; i < 7; i++) audit.record({ name: 'Seen' });
    };
    for (let i = 0; i < 5; i++) record();
    await writers[1]?.flush();
    const before = await allEvents(trail.audit);
    const walk = { descending: true, limit: 10 };
    let page = await trail.audit.reader.walk(ALL, { where: [] }, { ...walk, from: null }, LIMITS);
    const seen = [...page.events];
    while (page.after !== null) {
      record();
      await trail.audit.flush();
      page = await trail.audit.reader.walk(ALL, { where: [] }, { ...walk, from: page.after }, LIMITS);
      seen.push(...page.events);
    }
    expect(uuidsOf(seen).sort()).toEqual(uuidsOf(before).sort());
    const back = [...page.events];
    while (page.before !== null) {
      page = await trail.audit.reader.walk(ALL, { where: [] }, { ...walk, from: page.before }, LIMITS);
      back.unshift(...page.events);
    }
    expect(uuidsOf(back)).toEqual(uuidsOf(seen));
  });
});
