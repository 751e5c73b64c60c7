import { z } from 'zod';
import { type Reader, staticTokens } from '../../lib/index';
import { EXPRESSES } from '../support/app';
import { type Answer, ask, row, startTrail, type Trail } from './trail';

const problemSchema = z.strictObject({
  status: z.literal(false),
  error: z.strictObject({ code: z.int(), message: z.string() }),
});

const permissions = ['base.organization.audit.list'];
const READERS: Readonly<Record<string, Reader>> = {
  'fake-token-all': { id: 'all', tenants: '*', permissions },
  'fake-token-acme': { id: 'acme', tenants: ['acme'], permissions },
  'fake-token-none': { id: 'none', tenants: [], permissions },
  'fake-token-forbidden': { id: 'forbidden', tenants: '*' },
  'fake-token-other': { id: 'other', tenants: '*', permissions: ['base.organization.audit'] },
};
const TEXT = 'Must be a text of 1 to 128 characters.';
const DATE = 'Must be a date-time of RFC 3339';
const ID = 'organizationId: Must be 24 hexadecimal digits, or 3 or more letters, digits and dashes.';
const NAMES =
  'page, limit, sort, dateIni, dateEnd, entity, userId, userEmail, action, entityId, organization, showSystem';
const PERMISSION = 'The permission base.organization.audit.list is required.';
const NOT_FOUND = { code: 3001, message: 'Entity not found' };

describe.each(EXPRESSES)('an error of organization-audit on %s', (_, express) => {
  let trail: Trail;
  const get = (path: string, token: string | null = 'fake-token-all', init: RequestInit = {}) =>
    ask(`${trail.url}${path}`, {
      ...init,
      as: null,
      headers: token === null ? {} : { Authorization: token.includes(' ') ? token : `Bearer ${token}` },
    });
  const errorOf = ({ status, body }: Answer) => ({ status, ...problemSchema.parse(body).error });

  beforeAll(async () => {
    trail = await startTrail({
      express,
      build(app, audit, { Router }) {
        const router = audit.router({
          dialect: 'organization-audit',
          authenticate: staticTokens(READERS),
          organizationInfo: (id) => (id === 'gone' ? null : { id }),
        });
        app.use('/v1/organizations/:organizationId/audit', router);
        app.use('/audit', router);
        app.use('/unmerged/:organizationId', Router().use('/audit', router));
        app.use('/merged/:organizationId', Router({ mergeParams: true }).use('/audit', router));
      },
    });
    await trail.store(['acme', 'beta', 'gone'].map((tenant) => row('2026-01-01T00:00:00Z', { tenant })));
  });

  it.each<[string | null, number, number, string, string]>([
    [null, 401, 4002, 'No auth token', 'Bearer'],
    ['Token fake-token-all', 401, 4002, 'No auth token', 'Bearer'],
    ['Bearer fake-token-nobody', 401, 4004, 'Invalid Token', 'Bearer error="invalid_token"'],
  ])('for the credential %j is %i %i %j', async (token, status, code, message, challenge) => {
    for (const path of ['acme/audit', 'nobody/audit/', 'x/audit?page=0']) {
      const answer = await get(`/v1/organizations/${path}`, token);
      expect(errorOf(answer)).toEqual({ status, code, message });
      expect(answer.headers.get('www-authenticate')).toBe(challenge);
      expect(answer.headers.get('cache-control')).toBe('no-store');
    }
  });

  it.each(['fake-token-forbidden', 'fake-token-other'])('for %s, who may not, is 403 4003', async (token) => {
    for (const path of ['acme/audit', 'x/audit?page=0'])
      expect(errorOf(await get(`/v1/organizations/${path}`, token))).toEqual({
        status: 403,
        code: 4003,
        message: PERMISSION,
      });
  });

  it.each([
    ['another tenant', 'beta', 'fake-token-acme'],
    ['nobody', 'unheard-of', 'fake-token-acme'],
    ['a tenant of another case', 'ACME', 'fake-token-acme'],
    ['any tenant, for a reader of none', 'acme', 'fake-token-none'],
    ['a tenant that the app does not know', 'gone', 'fake-token-all'],
  ])('for %s is 404 3001', async (_what, organization, token) => {
    const path = `/v1/organizations/${organization}/audit`;
    for (const end of ['', '/', '?userId=u1'])
      expect(errorOf(await get(path + end, token))).toEqual({ status: 404, ...NOT_FOUND });
  });

  it.each(['ab', 'a_b', 'a%20b', 'a.b', '$ne', '%7B%22$ne%22:1%7D', '__proto__', '%00%00%00', 'acme%0A'])(
    'for the organization %s is 400 1001 and names organizationId',
    async (id) => {
      const expected = { status: 400, code: 1001, message: expect.stringContaining(`${ID} Received "`) };
      expect(errorOf(await get(`/v1/organizations/${id}/audit`))).toEqual(expected);
    },
  );

  it.each([
    ['page=0', 'page: Must be an integer from 1 to 2147483647. Received "0".'],
    ['page=1e2', 'page: Must be an integer'],
    ['limit=0', 'limit: Must be an integer from 1 to 1000. Received "0".'],
    ['limit=1001', 'limit: Must be an integer from 1 to 1000.'],
    ['limit=0x10', 'limit: Must be an integer'],
    ['sort=createdAt:down', 'sort: Must be one of createdAt, createdAt:asc, createdAt:desc, updatedAt,'],
    ['sort=createdat:desc', 'Did you mean \'createdAt:desc\'? Received "createdat:desc".'],
    ['sort=:desc', 'sort: Must be one of'],
    ['sort=', 'sort: Must be one of'],
    ['sort=-createdAt', "Did you mean 'createdAt'?"],
    ['sort=_id:asc', 'sort: Must be one of'],
    ['sort=$natural', 'sort: Must be one of'],
    ['sort=__proto__:asc', 'sort: Must be one of'],
    ['dateIni=yesterday', `dateIni: ${DATE}`],
    ['dateEnd=2026-02-30', `dateEnd: ${DATE}`],
    ['dateEnd=2026-01-01T00:00:00+01:00', "dateEnd: The offset's + came as a space"],
    ...['entity', 'userId', 'userEmail', 'action', 'entityId'].flatMap((name): [string, string][] => [
      [`${name}=`, `${name}: ${TEXT} Received "".`],
      [`${name}=${'x'.repeat(129)}`, `${name}: ${TEXT}`],
      [
        `${name}[$ne]=1`,
        `${name}[$ne]: Parameters take no brackets: "${name}[$ne]". Did you mean '${name}'?`,
      ],
      [`${name}=1&${name}=2`, `${name}: Must be given once. Received "1" and "2".`],
    ]),
    ['organization=acme', 'organization: Must be 24 hexadecimal digits. Received "acme".'],
    [`organization=${'0'.repeat(25)}`, 'organization: Must be 24 hexadecimal digits.'],
    ['showSystem=1', 'showSystem: Must be true or false. Received "1".'],
    ['showSystem=', 'showSystem: Must be true or false.'],
    ['showSystem=TRUE', 'showSystem: Must be true or false.'],
    ['user=1', `user: Unknown parameter: "user". Did you mean 'userId'? Allowed: ${NAMES}. Received "1".`],
    ['tenant=beta', 'tenant: Unknown parameter: "tenant".'],
    ['__proto__=1', '__proto__: Unknown parameter'],
    [
      'organizationId=beta',
      'organizationId: Unknown parameter: "organizationId". Did you mean \'organization\'?',
    ],
    ['userId=%FF', 'userId: Must be percent-encoded UTF-8.'],
  ])('for ?%s is 400 1001: %s', async (query, message) => {
    expect(errorOf(await get(`/v1/organizations/acme/audit/?${query}`))).toEqual({
      status: 400,
      code: 1001,
      message: expect.stringContaining(message),
    });
  });

  it('takes 128 characters of every text', async () => {
    for (const name of ['entity', 'userId', 'userEmail', 'action', 'entityId'])
      expect((await get(`/v1/organizations/acme/audit?${name}=${'x'.repeat(128)}`)).status).toBe(200);
  });

  it.each(['POST', 'PUT', 'DELETE', 'OPTIONS'])('for %s is 405, with Allow', async (method) => {
    const answer = await get('/v1/organizations/acme/audit', null, { method });
    expect(errorOf(answer)).toMatchObject({ status: 405, code: 405 });
    expect(answer.headers.get('allow')).toBe('GET, HEAD');
  });

  it.each(['/audit', '/unmerged/acme/audit'])('says so when the router is mounted at %s', async (path) => {
    const answer = await get(path);
    expect(errorOf(answer)).toEqual({
      status: 500,
      code: 500,
      message: expect.stringContaining('must be mounted at a path that ends in /:organizationId/audit'),
    });
    expect(trail.errors.splice(0)).toMatchObject([{ code: 'AUDIT_MOUNTED_WRONG' }]);
    expect((await get('/merged/acme/audit/')).status).toBe(200);
  });

  it('reports nothing to the operator for what a client got wrong', () => {
    expect(trail.errors).toEqual([]);
  });
});
