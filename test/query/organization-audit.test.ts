import { z } from 'zod';
import { staticTokens } from '../../lib/index';
import { EXPRESSES } from '../support/app';
import { type Answer, ask, row, startTrail, type Trail } from './trail';

const text = z.string().nullable();
const dateTime = z.string().regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
const page = z.int().min(1);
const change = z.strictObject({
  kind: z.enum(['N', 'D', 'E', 'A']),
  path: z.array(z.string()),
  lhs: z.json().optional(),
  rhs: z.json().optional(),
  index: z.int().optional(),
  item: z.json().optional(),
});
/** The answer of the reference, every key and no other. */
const listSchema = z.strictObject({
  status: z.literal(true),
  data: z.strictObject({
    items: z.array(
      z.strictObject({
        id: z.uuid(),
        organization: text,
        organizationInfo: z.looseObject({ id: z.string() }),
        userId: text,
        userEmail: text,
        action: z.enum(['create', 'update', 'delete', 'access']),
        entity: z.string(),
        entityId: z.string(),
        pre: text,
        post: text,
        updatedAt: dateTime,
        createdAt: dateTime,
        diff: z.array(change),
        summary: z.strictObject({ added: z.int(), removed: z.int(), changed: z.int() }),
      }),
    ),
    totalDocs: z.int().min(0),
    limit: z.int().min(1).max(1_000),
    hasPrevPage: z.boolean(),
    hasNextPage: z.boolean(),
    page,
    totalPages: page,
    prevPage: page.nullable(),
    nextPage: page.nullable(),
    lean: z.literal(true),
  }),
});

function dataOf({ status, text, body }: Answer): z.output<typeof listSchema>['data'] {
  if (status !== 200) throw new Error(`answered ${status}: ${text}`);
  return listSchema.parse(body).data;
}

const OID = '5f0c0ffee5f0c0ffee5f0c0f';
const permissions = ['base.organization.audit.list'];
const authenticate = staticTokens({
  'fake-token-all': { id: 'all', tenants: '*', permissions },
  'fake-token-bare': { id: 'bare', tenants: '*', permissions, fields: 'no-payload' },
});
const diff = [
  { kind: 'N', path: ['tags', 'new.one'], rhs: null },
  { kind: 'D', path: ['old'], lhs: { a: 1 } },
  { kind: 'E', path: ['rows', 0, 'n'], lhs: 1, rhs: '1' },
  { kind: 'A', path: ['rows'], index: 3, item: { kind: 'N', rhs: 3 } },
  { kind: 'A', path: ['rows'], index: 2, item: { kind: 'N', rhs: 2 } },
  { kind: 'A', path: ['more'], index: 0, item: { kind: 'D', lhs: 'x' } },
];
const changed = row('2026-01-05T00:00:00.120Z', {
  tenant: 'acme',
  actor: { id: 'u1', email: 'ann@example.org', name: 'Ann' },
  type: 'users',
  objectId: '7',
  stored: {
    kind: 'change',
    action: 'update',
    before: { n: 1, 'a.b': [null] },
    after: [],
    diff,
    recordedAt: new Date('2026-01-05T00:00:01Z'),
  },
});
const same = row('2026-01-04T00:00:00Z', {
  tenant: 'acme',
  user: 'u2',
  objectId: 'x',
  stored: { kind: 'change', action: 'create', after: '' },
});
const read = row('2026-01-03T00:00:00Z', {
  tenant: 'acme',
  type: '$ne',
  stored: { kind: 'request', changeCount: 0 },
});
const job = row('2026-01-02T00:00:00Z', { tenant: 'acme', stored: { action: 'delete', system: true } });
const other = row('2026-01-05T00:00:00Z', { tenant: OID, user: 'u1', type: 'users' });
const hidden = [
  row('2026-01-05T00:00:00Z', {
    tenant: 'acme',
    user: 'u1',
    stored: { kind: 'request', action: 'create', changeCount: 2 },
  }),
  row('2026-01-05T00:00:00Z', { tenant: 'acme', user: 'u1', stored: { kind: 'request', status: 'intent' } }),
  row('2026-01-05T00:00:00Z', { user: 'u1' }),
];
const names = new Map(
  Object.entries({ changed, same, read, job, other }).map(([name, { uuid }]) => [uuid, name]),
);

describe.each(EXPRESSES)('organization-audit on %s', (_, express) => {
  let trail: Trail;
  const get = (path: string, token = 'fake-token-all') =>
    ask(`${trail.url}/v1/organizations/${path}`, {
      as: null,
      headers: { Authorization: `Bearer ${token}` },
    });
  const found = async (query: string, organization = 'acme') =>
    dataOf(await get(`${organization}/audit${query}`)).items.map(({ id }) => names.get(id));

  beforeAll(async () => {
    trail = await startTrail({
      express,
      build(app, audit) {
        const dialect = 'organization-audit';
        app.use('/v1/organizations/:organizationId/audit', audit.router({ dialect, authenticate }));
        // like a document of mongoose: what it is sent as is not what it has
        const organizationInfo = async (id: string) => ({
          $__: { internal: true },
          toJSON: () => ({ id, name: id.toUpperCase(), slug: id }),
        });
        const router = audit.router({ dialect, authenticate, organizationInfo });
        app.use('/named/:organizationId/audit', router);
      },
    });
    await trail.store([changed, same, read, job, other, ...hidden]);
  });

  it('gives the events of the organization newest first, in the fields and types of the reference', async () => {
    const { items, ...rest } = dataOf(await get('acme/audit/'));
    expect(rest).toEqual({
      totalDocs: 3,
      limit: 10,
      hasPrevPage: false,
      hasNextPage: false,
      page: 1,
      totalPages: 1,
      prevPage: null,
      nextPage: null,
      lean: true,
    });
    expect(items[0]).toEqual({
      id: changed.uuid,
      organization: 'acme',
      organizationInfo: { id: 'acme' },
      userId: 'u1',
      userEmail: 'ann@example.org',
      action: 'update',
      entity: 'users',
      entityId: '7',
      pre: '{"n":1,"a.b":[null]}',
      post: '[]',
      updatedAt: '2026-01-05T00:00:01.000Z',
      createdAt: '2026-01-05T00:00:00.120Z',
      diff: [
        diff[0],
        diff[1],
        { kind: 'E', path: ['rows', '0', 'n'], lhs: 1, rhs: '1' },
        diff[3],
        diff[4],
        diff[5],
      ],
      summary: { added: 3, removed: 2, changed: 1 },
    });
    const none = { diff: [], summary: { added: 0, removed: 0, changed: 0 } };
    expect(items[1]).toMatchObject({ userId: 'u2', userEmail: null, pre: null, post: '""', ...none });
    expect(items[2]).toMatchObject({ userId: null, userEmail: null, pre: null, post: null, ...none });
  });

  it.each<[string, string[]]>([
    ['', ['changed', 'same', 'read']],
    ['?showSystem=true', ['changed', 'same', 'read', 'job']],
    ['?showSystem=false', ['changed', 'same', 'read']],
    ['?sort=createdAt', ['read', 'same', 'changed']],
    ['?sort=createdAt:asc', ['read', 'same', 'changed']],
    ['?sort=createdAt:desc', ['changed', 'same', 'read']],
    ['?sort=updatedAt%3Aasc', ['read', 'same', 'changed']],
    ['?sort=userId:desc', ['same', 'changed', 'read']],
    ['?sort=userEmail:desc&limit=1', ['changed']],
    ['?sort=action', ['read', 'same', 'changed']],
    ['?sort=entity', ['read', 'same', 'changed']],
    ['?sort=entityId:desc&limit=1', ['same']],
    ['?dateIni=2026-01-04', ['changed', 'same']],
    ['?dateIni=2026-01-04T00:00:00.000001Z', ['changed']],
    ['?dateEnd=2026-01-04T01:00:00%2B01:00', ['same', 'read']],
    ['?dateEnd=2026-01-05T00:00:00.1199Z', ['same', 'read']],
    ['?dateIni=2026-01-05T00:00:00.120Z&dateEnd=2026-01-05T00:00:00.120Z', ['changed']],
    ['?entity=users', ['changed']],
    ['?entity=$ne', ['read']],
    ['?userId=u1', ['changed']],
    ['?userId=%7B%22$ne%22:null%7D', []],
    ['?userEmail=ann@example.org', ['changed']],
    ['?userEmail=ANN@example.org', []],
    ['?action=create', ['same']],
    ['?action=delete&showSystem=true', ['job']],
    ['?action=.*', []],
    ['?entityId=7', ['changed']],
    ['?entityId=7&userId=u2', []],
    [`?organization=${OID}`, []],
  ])('answers the list of %j', async (query, expected) => {
    expect(await found(query)).toEqual(expected);
    expect(await found(`/${query}`)).toEqual(expected);
  });

  it('is narrowed further by an organization of 24 hexadecimal digits', async () => {
    expect(await found('', OID)).toEqual(['other']);
    expect(await found(`?organization=${OID}`, OID)).toEqual(['other']);
    expect(await found(`?organization=${'0'.repeat(24)}`, OID)).toEqual([]);
  });

  it('numbers its pages from 1, with null before the first and after the last', async () => {
    const pages = await Promise.all(
      [1, 2, 3].map(async (number) => dataOf(await get(`acme/audit?limit=2&page=${number}`))),
    );
    const all = { totalDocs: 3, limit: 2, totalPages: 2, lean: true };
    expect(pages.map(({ items: _, ...rest }) => rest)).toEqual([
      { ...all, page: 1, hasPrevPage: false, hasNextPage: true, prevPage: null, nextPage: 2 },
      { ...all, page: 2, hasPrevPage: true, hasNextPage: false, prevPage: 1, nextPage: null },
      { ...all, page: 3, hasPrevPage: true, hasNextPage: false, prevPage: 2, nextPage: null },
    ]);
    const ids = pages.map(({ items }) => items.map(({ id }) => names.get(id)));
    expect(ids).toEqual([['changed', 'same'], ['read'], []]);
    const none = { items: [], totalDocs: 0, totalPages: 1, page: 1, hasNextPage: false, nextPage: null };
    expect(dataOf(await get('acme/audit?userId=nobody'))).toMatchObject(none);
    expect(dataOf(await get('empty-1/audit'))).toMatchObject(none);
  });

  it('shows of the organization what the app says', async () => {
    const url = `${trail.url}/named/acme/audit`;
    const answer = await ask(url, { as: null, headers: { Authorization: 'Bearer fake-token-all' } });
    const info = { id: 'acme', name: 'ACME', slug: 'acme' };
    expect(dataOf(answer).items.map(({ organizationInfo }) => organizationInfo)).toEqual([info, info, info]);
  });

  it('hides states and what changed in them from a reader without payloads', async () => {
    const { items } = dataOf(await get('acme/audit?userId=u1', 'fake-token-bare'));
    expect(items).toMatchObject([{ pre: null, post: null, diff: [], summary: { added: 0, changed: 0 } }]);
  });
});
