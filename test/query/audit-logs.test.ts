import { EXPRESSES } from '../support/app';
import { logsOf } from './audit-logs-contract';
import { ask, authenticate, row, startTrail, type Token, type Trail } from './trail';

const created = row('2026-01-05T00:00:00.120Z', {
  id: 5,
  tenant: 'a',
  actor: { id: 'u1', email: 'ann@example.org', name: 'Ann' },
  type: 'chargers',
  objectId: '7',
  url: 'https://shop.example/chargers?x=1',
  remoteAddr: '2001:db8::1',
  stored: {
    kind: 'change',
    action: 'create',
    source: 'shop',
    host: 'shop.example',
    route: '/chargers',
    labels: { operatorId: 12, companyId: '34', caller: 'web' },
    content: { reason: 'x' },
    after: { name: 'One' },
    diff: [{ kind: 'N', path: ['name'], rhs: 'One' }],
  },
});
const linked = row('2026-01-04T00:00:00Z', {
  id: 4,
  tenant: 'a',
  user: 'u2',
  objectId: '2147483648',
  remoteAddr: '10.0.0.1',
  stored: {
    kind: 'change',
    action: 'create',
    association: { name: 'groups', change: 'associated', with: { type: 'groups', id: '1' } },
    labels: { operatorId: 'north', companyId: 1.5, caller: 7 },
    route: 'web',
  },
});
const unlinked = row('2026-01-03T00:00:00Z', {
  id: 3,
  tenant: 'b',
  objectId: '007',
  stored: {
    action: 'access',
    association: { name: 'teams', change: 'disassociated', with: { type: 'teams', id: '1' } },
  },
});
const updated = row('2026-01-02T00:00:00Z', {
  id: 2,
  user: '$ne',
  stored: { action: 'update', route: 'web' },
});
const deleted = row('2026-01-06T00:00:00Z', { id: 1, stored: { action: 'delete', labels: { caller: '' } } });
/** The lowest integer id is the latest in time, the highest the earliest. */
const read = row('2026-01-01T00:00:00Z', { id: 6, stored: { kind: 'request', changeCount: 0 } });
const hidden = [
  row('2026-01-05T00:00:00Z', { id: 7, user: 'u1', stored: { kind: 'request', changeCount: 2 } }),
  row('2026-01-05T00:00:00Z', { id: 8, user: 'u1', stored: { kind: 'request', status: 'intent' } }),
];

describe.each(EXPRESSES)('audit-logs on %s', (_, express) => {
  let trail: Trail;
  const get = (query: string, as: Token = 'fake-token-all') =>
    ask(`${trail.url}/v2/audit-logs${query}`, { scheme: 'Bearer', as });
  const found = async (query: string, as?: Token) => logsOf(await get(query, as)).data.map(({ id }) => id);

  beforeAll(async () => {
    trail = await startTrail({
      express,
      build: (app, audit) =>
        void app.use('/v2/audit-logs', audit.router({ dialect: 'audit-logs', authenticate })),
    });
    await trail.store([created, linked, unlinked, updated, deleted, read, ...hidden]);
    await trail.connection.db
      ?.collection('auditcounters')
      .updateOne({ _id: 'events' as never }, { $set: { last: 200, blocks: [] } }, { upsert: true });
  });

  it('gives one row an object, newest first, in the fields and types of the reference', async () => {
    const { data, ...cursors } = logsOf(await get(''));
    expect(cursors).toEqual({ end_cursor: null, previous_end_cursor: null });
    expect(data.map(({ id }) => id)).toEqual([1, 5, 4, 3, 2, 6]);
    expect(data[1]).toEqual({
      id: 5,
      logName: 'shop',
      keycloakUuid: 'u1',
      keycloakEmail: 'ann@example.org',
      urlCalled: 'https://shop.example/chargers?x=1',
      operatorId: 12,
      companyId: 34,
      ip: '2001:db8::1',
      domain: 'shop.example',
      caller: 'web',
      tableName: 'chargers',
      entityId: 7,
      entityIdString: '7',
      association: null,
      properties: {
        content: { reason: 'x' },
        before: null,
        after: { name: 'One' },
        diff: [{ kind: 'N', path: ['name'], rhs: 'One' }],
      },
      createdAt: '2026-01-05T00:00:00.120Z',
    });
    const nothing = { content: null, before: null, after: null, diff: null };
    expect([...data.slice(2, 5), data[0]]).toMatchObject([
      { operatorId: null, companyId: null, caller: '7', entityId: null, entityIdString: '2147483648' },
      { association: 'teams', keycloakUuid: null, caller: null, entityId: null, entityIdString: '007' },
      { caller: 'web', logName: null, urlCalled: null, ip: null, domain: null, properties: nothing },
      { caller: '', entityId: 1 },
    ]);
  });

  it.each<[string, number[]]>([
    ['sort_direction=asc', [6, 2, 3, 4, 5, 1]],
    ['sort_direction=desc', [1, 5, 4, 3, 2, 6]],
    ['limit=2', [1, 5]],
    ['id=4', [4]],
    ['id=7', []],
    ['id=9007199254740991', []],
    ['logName=shop', [5]],
    ['keycloakUuid=u1', [5]],
    ['keycloakUuid=$ne', [2]],
    ['keycloakUuid=%7B%22$ne%22:null%7D', []],
    ['keycloakEmail=ann@example.org', [5]],
    ['keycloakEmail=ann@', []],
    ['urlCalled=https://shop.example/chargers?x=1', [5]],
    ['urlCalled=.*', []],
    ['ip=2001:db8::1', [5]],
    ['ip=2001:0DB8:0:0:0:0:0:0001', [5]],
    ['ip=::ffff:10.0.0.1', [4]],
    ['ip=::ffff:a00:1', [4]],
    ['ip=10.0.0.2', []],
    ['domain=shop.example', [5]],
    ['caller=web', [5, 2]],
    ['caller=/chargers', []],
    ['caller=7', [4]],
    ['tableName=chargers', [5]],
    ['entityId=7', [5]],
    ['entityId=1', [1, 2, 6]],
    ['entityIdString=007', [3]],
    ['entityIdString=2147483648', [4]],
    ['event=created', [5]],
    ['event=updated', [2]],
    ['event=deleted', [1]],
    ['event=associated', [4]],
    ['event=disassociated', [3]],
    ['event=unknown', [6]],
    ['association=groups', [4]],
    ['association=groups&event=disassociated', []],
    ['createdAtFrom=2026-01-04', [1, 5, 4]],
    ['createdAtFrom=2026-01-05T00:00:00.120Z&createdAtTo=2026-01-05T00:00:00.120Z', [5]],
    ['createdAtFrom=2026-01-05T00:00:00.1201Z', [1]],
    ['createdAtTo=2026-01-02T01:00:00%2B01:00', [2, 6]],
    ['createdAtTo=2026-01-02', [2, 6]],
  ])('answers ?%s', async (query, expected) => {
    expect(await found(`?${query}`)).toEqual(expected);
    expect(await found(`/?${query}`)).toEqual(expected);
  });

  it('gives 25 rows a page unless told otherwise', async () => {
    const rows = Array.from({ length: 30 }, (_, i) => row(i, { id: 101 + i, user: 'many' }));
    await trail.store(rows);
    const page = logsOf(await get('?keycloakUuid=many'));
    expect(page.data).toHaveLength(25);
    expect(await found('?keycloakUuid=many&limit=100')).toHaveLength(30);
    const numbers = await found(`?keycloakUuid=many&end_cursor=${page.end_cursor}`);
    expect(numbers).toEqual([105, 104, 103, 102, 101]);
  });

  it('keeps a reader to its tenants, and hides states from a reader without payloads', async () => {
    expect(await found('', 'fake-token-a')).toEqual([5, 4]);
    expect(await found('?event=disassociated', 'fake-token-a')).toEqual([]);
    for (const as of ['fake-token-empty', 'fake-token-absent'] as const)
      expect(logsOf(await get('', as))).toEqual({ data: [], end_cursor: null, previous_end_cursor: null });
    const { data } = logsOf(await get('?id=5', 'fake-token-no-payload'));
    const properties = { content: { reason: 'x' }, before: null, after: null, diff: null };
    expect(data).toMatchObject([{ properties }]);
  });
});
