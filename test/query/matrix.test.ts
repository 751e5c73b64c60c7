import { type DialectName, staticTokens } from '../../lib/index';
import { EXPRESSES } from '../support/app';
import { type Ask, ask, type Row, row, startTrail, type Trail } from './trail';

const permissions = ['base.organization.audit.list'];
const authenticate = staticTokens({
  'fake-token-all': { id: 'all', tenants: '*', permissions },
  'fake-token-a': { id: 'a', tenants: ['a-1'], permissions },
  'fake-token-empty': { id: 'empty', tenants: [], permissions },
  'fake-token-absent': { id: 'absent', permissions },
});
const EVENTS = 57;
const PAGE = 10;
/** Three at a time have the same one. */
const timeOf = (i: number): number => Date.parse('2026-10-01T00:00:00Z') + Math.floor(i / 3) * 1_000;

const LIMITS: readonly string[] = ['-1', '0', '1e9', 'NaN', '0x10', '1.5', '', '+5', '99999999999999999999'];
/** The last one's plus is a space in a query. */
const DATES: readonly string[] = [
  'yesterday',
  '2026-13-01',
  '2026-10-01T00:00:00',
  '2026-10-01T00:00:00+02:00',
];

type Json = Readonly<Record<string, unknown>>;
type Rows = readonly Json[];

interface Api {
  readonly mount: string;
  readonly path: string;
  readonly scheme: 'Token' | 'Bearer';
  readonly limit: string;
  readonly user: string;
  readonly integer: string;
  readonly date: string;
  /** An upper bound before which nothing is added any more. */
  readonly until: string;
  readonly rows: (body: Json) => Rows;
  /** The object's id of one row. */
  readonly objectId: (row: Json) => unknown;
  /** What asks for the page behind this one; null at the end. */
  readonly next: (body: Json, pagesRead: number) => string | null;
  /** A scope without tenants: nothing, or nobody's organization. */
  readonly unscoped: 200 | 404;
}

const UNTIL = '2026-11-01T00:00:00Z';
const data = (body: Json): Json => body.data as Json;
const APIS: Readonly<Record<DialectName, Api>> = {
  'audit-events': {
    mount: '/audit-events',
    path: '/audit-events/',
    scheme: 'Token',
    limit: 'limit',
    user: 'user',
    integer: 'page',
    date: 'timestamp__gt',
    until: `timestamp__lt=${UNTIL}`,
    rows: (body) => body.results as Rows,
    objectId: (one) => one.object_id,
    next: (body, read) => (body.next === null ? null : `page=${read + 1}`),
    unscoped: 200,
  },
  history: {
    mount: '/history',
    path: '/history/',
    scheme: 'Bearer',
    limit: 'page_size',
    user: 'user_id',
    integer: 'page',
    date: '',
    until: '',
    rows: (body) => body.results as Rows,
    objectId: (one) => Number(one.object_id),
    next: (body) => (body.next_page === null ? null : `page=${body.next_page}`),
    unscoped: 200,
  },
  audit: {
    mount: '/api/v2/audit',
    path: '/api/v2/audit/',
    scheme: 'Bearer',
    limit: 'limit',
    user: 'actor_id',
    integer: 'skip',
    date: 'after',
    until: `before=${UNTIL}`,
    rows: (body) => data(body).logs as Rows,
    objectId: (one) => Number((one.fields as Json).objectId),
    next: (body, read) => ((data(body).logs as Rows).length < PAGE ? null : `skip=${read * PAGE}`),
    unscoped: 200,
  },
  'organization-audit': {
    mount: '/v1/organizations/:organizationId/audit',
    path: '/v1/organizations/a-1/audit/',
    scheme: 'Bearer',
    limit: 'limit',
    user: 'userId',
    integer: 'page',
    date: 'dateIni',
    until: `dateEnd=${UNTIL}`,
    rows: (body) => data(body).items as Rows,
    objectId: (one) => Number(one.entityId),
    next: (body) => (data(body).nextPage === null ? null : `page=${data(body).nextPage}`),
    unscoped: 404,
  },
  'audit-logs': {
    mount: '/v2/audit-logs',
    path: '/v2/audit-logs/',
    scheme: 'Bearer',
    limit: 'limit',
    user: 'keycloakUuid',
    integer: 'id',
    date: 'createdAtFrom',
    until: '',
    rows: (body) => body.data as Rows,
    objectId: (one) => one.entityId,
    next: (body) => (body.end_cursor === null ? null : `end_cursor=${body.end_cursor}`),
    unscoped: 200,
  },
};

const cases = EXPRESSES.flatMap(([version, express]) =>
  (Object.keys(APIS) as DialectName[]).map((name) => [name, version, express, APIS[name]] as const),
);

/** One of two tenants each, with an object and a user of its own. */
function numbered(i: number, tenant: string): Row {
  const objectId = String(i);
  return row(timeOf(i), {
    tenant,
    objectId,
    user: `u${i % 4}`,
    id: 500 + i,
    stored: { content: { objectId } },
  });
}

describe.each(cases)('%s on %s', (dialect, _, express, api) => {
  let trail: Trail;
  const get = (query = '', options: Ask = {}) =>
    ask(`${trail.url}${api.path}${query === '' ? '' : `?${query}`}`, { scheme: api.scheme, ...options });
  const rowsOf = async (query: string, options?: Ask): Promise<Rows> => {
    const { status, body } = await get(query, options);
    expect(status).toBe(200);
    return api.rows(body as Json);
  };

  beforeAll(async () => {
    trail = await startTrail({
      express,
      server: { maxHeaderSize: 1_048_576 },
      build(app, audit) {
        app.set('query parser', () => ({ [api.user]: { $ne: null } }));
        app.use(api.mount, audit.router({ dialect, authenticate }));
      },
    });
    expect(await rowsOf('')).toEqual([]);
    const counters = trail.connection.db?.collection('auditcounters');
    await counters?.updateOne({ _id: 'events' as never }, { $max: { last: 1_000 } }, { upsert: true });
    await trail.store([numbered(EVENTS, 'a-1')]);
    expect(await rowsOf('')).toHaveLength(1);
    await trail.store(Array.from({ length: EVENTS }, (_none, i) => numbered(i, 'a-1')));
    await trail.store([row(timeOf(3), { tenant: 'b-1', objectId: '9999', user: 'u1', id: 900 })]);
  });

  it.each([
    ['no credential', { as: null }],
    ['a wrong credential', { as: 'fake-token-nobody' as never }],
    ['another scheme', { scheme: 'Basic' as never }],
  ])('refuses %s by 401, and says what it takes', async (_what, options) => {
    const answer = await get('', options);
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toMatch(new RegExp(`^${api.scheme}`));
    expect(answer.text).not.toContain('9999');
  });

  it.each(['fake-token-empty', 'fake-token-absent'] as const)('shows nothing to %s', async (as) => {
    const answer = await get('', { as });
    expect(answer.status).toBe(api.unscoped);
    if (answer.status === 200) expect(api.rows(answer.body as Json)).toEqual([]);
  });

  it('shows a tenant its own, whatever it asks for', async () => {
    for (const query of [`${api.limit}=100`, `${api.user}=u1&${api.limit}=100`]) {
      const ids = (await rowsOf(query, { as: 'fake-token-a' })).map(api.objectId);
      expect(ids.length).toBeGreaterThan(10);
      expect(ids).not.toContain(9999);
    }
  });

  it('refuses 10,000 repetitions at once', async () => {
    const query = `${api.user}=u&`.repeat(10_000);
    const sorts = dialect === 'audit' ? 'sort_by=id&'.repeat(10_000) : query;
    expect((await get(sorts)).status).toBe(400);
  });

  it('filters by user', async () => {
    const ids = (await rowsOf(`${api.user}=u2&${api.limit}=100`)).map(api.objectId);
    const own = Array.from({ length: EVENTS + 1 }, (_none, i) => i).filter((i) => i % 4 === 2);
    expect([...ids].sort()).toEqual(own.sort());
  });

  type Wrong = readonly [what: string, query: string, name: string];
  const wrong: readonly Wrong[] = [
    ['an unknown parameter', 'colour=red', 'colour'],
    ['one of an object', '__proto__=1', '__proto__'],
    ['a repeated parameter', `${api.user}=a&${api.user}=b`, api.user],
    ['a bracketed parameter', `${api.user}[$ne]=1`, api.user],
    ['an encoded bracket', `${api.user}%5B%24ne%5D=1`, api.user],
    ['an operator of the database', '$where=1', '$where'],
    ['a text for a number', `${api.integer}=one`, api.integer],
    ...LIMITS.map(
      (text): Wrong => [`a limit of ${text}`, `${api.limit}=${encodeURIComponent(text)}`, api.limit],
    ),
    ...(api.date === '' ? [] : DATES).map(
      (text): Wrong => [`a date of ${text}`, `${api.date}=${text}`, api.date],
    ),
  ];
  it.each(wrong)('refuses %s by 400 and names it', async (_what, query, name) => {
    const answer = await get(query);
    expect(answer.status).toBe(400);
    expect(answer.text).toContain(name);
    expect(answer.text).not.toMatch(/at .*\.js|Mongo|node_modules/);
  });

  it('is read to the end, each event once, also where several have one time', async () => {
    const seen: unknown[] = [];
    let pages = 0;
    const filter = [`${api.limit}=${PAGE}`, ...(api.until === '' ? [] : [api.until])].join('&');
    for (let next: string | null = ''; next !== null; ) {
      const { status, body } = await get(next === '' ? filter : `${filter}&${next}`, { as: 'fake-token-a' });
      expect(status).toBe(200);
      seen.push(...api.rows(body as Json).map(api.objectId));
      pages += 1;
      next = api.next(body as Json, pages);
      // below an upper bound, or behind a cursor, what is added moves nothing
      const isMoved = api.until === '' && dialect !== 'audit-logs';
      if (!isMoved)
        await trail.store([row(Date.now(), { tenant: 'a-1', objectId: '7777', id: 1_500 + pages })]);
      expect(pages).toBeLessThan(20);
    }
    expect([...seen].sort((a, b) => Number(a) - Number(b))).toEqual(
      Array.from({ length: EVENTS + 1 }, (_none, i) => i),
    );
  });

  it('answers HEAD like GET without a body, and any other method by 405', async () => {
    const head = await get('', { method: 'HEAD' });
    expect([head.status, head.text]).toEqual([200, '']);
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
      const answer = await get('', { method });
      expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
      expect(answer.headers.get('content-type')).toContain('application/json');
    }
  });

  it('answers with and without the trailing slash, and is not to be stored', async () => {
    const query = `?${api.limit}=2`;
    const url = trail.url + api.path;
    const [a, b] = [
      await ask(url + query, { scheme: api.scheme }),
      await ask(url.slice(0, -1) + query, { scheme: api.scheme }),
    ];
    expect(api.rows(a.body as Json)).toEqual(api.rows(b.body as Json));
    expect(a.headers.get('cache-control')).toBe('no-store');
  });
});
