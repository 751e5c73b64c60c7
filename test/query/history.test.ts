import { z } from 'zod';
import { EXPRESSES } from '../support/app';
import { parameterProblem } from './contract';
import { type Answer, type Ask, ask, authenticate, row, startTrail, type Trail } from './trail';

const text = z.string().nullable();
const page = z.int().min(1);
/** The answer of the reference, every key and no other. */
const listSchema = z.strictObject({
  count: z.int().min(0),
  total_pages: page,
  current_page: page,
  has_previous: z.boolean(),
  has_next: z.boolean(),
  previous_page: page.nullable(),
  next_page: page.nullable(),
  results: z.array(
    z.strictObject({
      id: z.uuid(),
      tenant_id: text,
      user_id: text,
      created_by: text,
      action_type: z.enum(['create', 'update', 'delete', 'access']),
      timestamp: z.string().regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      ip_address: z.union([z.ipv4(), z.ipv6()]).nullable(),
      user_agent: z.string(),
      before_state: z.json(),
      after_state: z.json(),
      object_id: z.string(),
      content_type: page,
    }),
  ),
});

function listOf({ status, text, body }: Answer): z.output<typeof listSchema> {
  if (status !== 200) throw new Error(`answered ${status}: ${text}`);
  return listSchema.parse(body);
}

const created = row('2026-01-05T00:00:00.120Z', {
  tenant: 'a',
  user: 'u1',
  type: 'users',
  objectId: '7',
  remoteAddr: '2001:db8::1',
  stored: { kind: 'change', action: 'create', after: { name: 'Ann' }, userAgent: 'curl/8.5.0' },
});
const changed = row('2026-01-04T00:00:00Z', {
  tenant: 'a',
  user: 'u2',
  objectId: 'x',
  remoteAddr: '10.0.0.1',
  stored: { kind: 'change', action: 'update', before: { n: 1 }, after: { n: 2 } },
});
const read = row('2026-01-03T00:00:00Z', {
  tenant: 'b',
  user: 'u1',
  stored: { kind: 'request', changeCount: 0 },
});
const reported = row('2026-01-02T00:00:00Z', { stored: { action: 'delete' } });
const shown = [created, changed, read, reported];
const hidden = [
  row('2026-01-05T00:00:00Z', {
    tenant: 'a',
    user: 'u1',
    stored: { kind: 'request', action: 'create', changeCount: 2 },
  }),
  row('2026-01-05T00:00:00Z', { tenant: 'a', user: 'u1', stored: { kind: 'request', status: 'intent' } }),
];
const names = new Map(
  Object.entries({ created, changed, read, reported }).map(([name, { uuid }]) => [uuid, name]),
);

describe.each(EXPRESSES)('history on %s', (_, express) => {
  let trail: Trail;
  const get = (path: string, options: Ask = {}) =>
    ask(`${trail.url}/history${path}`, { scheme: 'Bearer', ...options });
  const found = async (path: string, options?: Ask) =>
    listOf(await get(path, options)).results.map(({ id }) => names.get(id));

  beforeAll(async () => {
    trail = await startTrail({
      express,
      build: (app, audit) => void app.use('/history', audit.router({ dialect: 'history', authenticate })),
    });
    await trail.store([...shown, ...hidden]);
  });

  it('gives changes, and requests without any, newest first, in the fields and types of the reference', async () => {
    const { results, ...list } = listOf(await get('/'));
    expect(list).toEqual({
      count: 4,
      total_pages: 1,
      current_page: 1,
      has_previous: false,
      has_next: false,
      previous_page: null,
      next_page: null,
    });
    expect(results[0]).toEqual({
      id: created.uuid,
      tenant_id: 'a',
      user_id: 'u1',
      created_by: 'u1',
      action_type: 'create',
      timestamp: '2026-01-05T00:00:00.120Z',
      ip_address: '2001:db8::1',
      user_agent: 'curl/8.5.0',
      before_state: null,
      after_state: { name: 'Ann' },
      object_id: '7',
      content_type: expect.any(Number),
    });
    expect(results[3]).toMatchObject({ tenant_id: null, user_id: null, ip_address: null, user_agent: '' });
    expect(await found('/')).toEqual(['created', 'changed', 'read', 'reported']);
  });

  it.each<[string, string[]]>([
    ['?user_id=u1', ['created', 'read']],
    ['?ip_address=2001:DB8:0:0::1', ['created']],
    ['?ip_address=::ffff:10.0.0.1', ['changed']],
    ['?action_type=access', ['read']],
    ['?action_type=delete', ['reported']],
    ['?object_id=7', ['created']],
    ['?object_id=7&user_id=u2', []],
    ['?user_id=$ne', []],
  ])('filters by %s', async (query, expected) => {
    expect(await found(`/${query}`)).toEqual(expected);
    expect(await found(query)).toEqual(expected);
  });

  it('numbers its pages from 1, with null before the first and after the last', async () => {
    const pages = await Promise.all(
      [1, 2].map(async (number) => listOf(await get(`/?page_size=3&page=${number}`))),
    );
    expect(pages.map(({ results: _, ...rest }) => rest)).toEqual([
      {
        count: 4,
        total_pages: 2,
        current_page: 1,
        has_previous: false,
        has_next: true,
        previous_page: null,
        next_page: 2,
      },
      {
        count: 4,
        total_pages: 2,
        current_page: 2,
        has_previous: true,
        has_next: false,
        previous_page: 1,
        next_page: null,
      },
    ]);
    expect(pages.flatMap(({ results }) => results.map(({ id }) => names.get(id)))).toEqual([
      ...names.values(),
    ]);
    expect(listOf(await get('/?user_id=nobody'))).toMatchObject({ count: 0, total_pages: 1, results: [] });
    expect(await get('/?page=9')).toMatchObject({ status: 404, body: { detail: 'Invalid page.' } });
  });

  it.each([
    ['page=0', 'page', 'Must be an integer from 1 to 2147483647.'],
    ['page_size=1001', 'page_size', 'Must be an integer from 1 to 1000.'],
    ['action_type=created', 'action_type', "Did you mean 'create'?"],
    ['ip_address=10.0.0', 'ip_address', 'Must be an IPv4 or IPv6 address. Received "10.0.0".'],
    ['user_id=', 'user_id', 'Must be a text of 1 to 256 characters.'],
    ['user=1', 'user', 'Unknown parameter: "user".'],
    ['user_id[$ne]=1', 'user_id[$ne]', "Did you mean 'user_id'?"],
    ['user_id=1&user_id=2', 'user_id', 'Must be given once.'],
  ])('answers 400 to ?%s, naming %j', async (query, parameter, message) => {
    expect(parameterProblem(await get(`/?${query}`))).toEqual({
      status: 400,
      parameter,
      message: expect.stringContaining(message),
    });
  });

  it('challenges for a bearer token, and says when the one that was sent is invalid', async () => {
    const [missing, other, invalid] = await Promise.all([
      get('/', { as: null }),
      get('/', { scheme: 'Token' }),
      get('/', { as: null, headers: { Authorization: 'Bearer fake-token-nobody' } }),
    ]);
    for (const answer of [missing, other]) {
      expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
      expect(answer.body).toEqual({ detail: 'Authentication credentials were not provided.' });
    }
    expect([invalid.status, invalid.body]).toEqual([401, { detail: 'Invalid token.' }]);
    expect(invalid.headers.get('www-authenticate')).toBe('Bearer error="invalid_token"');
  });

  it('keeps a reader to its tenants, and hides states from a reader without payloads', async () => {
    expect(await found('/', { as: 'fake-token-a' })).toEqual(['created', 'changed']);
    expect(await found('/', { as: 'fake-token-empty' })).toEqual([]);
    const { results } = listOf(await get('/?user_id=u2', { as: 'fake-token-no-payload' }));
    expect(results).toMatchObject([{ before_state: null, after_state: null }]);
  });

  it('has no detail, and leaves deeper paths to the app', async () => {
    const response = await fetch(`${trail.url}/history/${created.uuid}`);
    expect([response.status, response.headers.get('content-type')]).toEqual([
      404,
      'text/html; charset=utf-8',
    ]);
  });
});
