import { staticTokens } from '../../lib/index';
import { EXPRESSES } from '../support/app';
import { eventOf, listOf } from './contract';
import { type Answer, ask, headersOf, READERS, row, startTrail, type Token, type Trail } from './trail';

const UNKNOWN = '0190a6d0-0000-7000-8000-000000000000';
const TENANTS = ['a', 'b', 'A', 'a ', 'aa', 'á', '*', '$ne', 'null', null] as const;
/** For each tenant the same two events, so that a filter that let one through would show it. */
const rows = TENANTS.flatMap((tenant) => [
  row('2026-01-01T00:00:00Z', {
    tenant,
    user: 'u1',
    type: 'orders',
    objectId: '1',
    url: 'http://x.example/1',
  }),
  row('2026-01-02T00:00:00Z', { tenant, user: 'u2', type: 'users', objectId: 'x', remoteAddr: '10.0.0.1' }),
]);
const uuidsOf = (...tenants: (string | null)[]) =>
  rows
    .filter(({ tenant = null }) => tenants.includes(tenant))
    .map(({ uuid }) => uuid)
    .sort();

const FILTERS = [
  '',
  '?user=u1',
  '?content_type=1',
  '?object_id=1',
  '?object_id=x&content_type=2',
  '?timestamp=2026-01-01',
  '?timestamp__gte=2026-01-01&timestamp__lt=2026-01-02',
  '?timestamp__gt=2026-01-01',
  '?timestamp__lte=2026-01-01',
  '?limit=1',
  '?limit=1000',
  ...['timestamp', 'user', 'content_type', 'object_id', 'url', 'remote_addr'].flatMap((name) => [
    `?sort=${name}`,
    `?sort=-${name}`,
  ]),
];

describe.each(EXPRESSES)('the scope of a reader on %s', (_, express) => {
  let trail: Trail;

  beforeAll(async () => {
    const odd = { 'fake-token-star': ['*'], 'fake-token-null': ['null'], 'fake-token-ne': ['$ne'] };
    const others = Object.entries(odd).map(([token, tenants]) => [token, { id: token, tenants }]);
    const authenticate = staticTokens({ ...READERS, ...Object.fromEntries(others) });
    trail = await startTrail({
      express,
      build: (app, audit) => void app.use('/audit-events', audit.router({ authenticate })),
    });
    await trail.store(rows);
  });

  const get = (token: string, path: string): Promise<Answer> => trail.get(path, { as: token as Token });

  it.each([
    ['fake-token-all', TENANTS],
    ['fake-token-a', ['a']],
    ['fake-token-a-b', ['a', 'b']],
    ['fake-token-star', ['*']],
    ['fake-token-null', ['null']],
    ['fake-token-ne', ['$ne']],
    ['fake-token-empty', []],
    ['fake-token-absent', []],
  ])('shows %s the events of its tenants only, in list and detail: %j', async (token, tenants) => {
    const list = listOf(await get(token, '?limit=1000'));
    const visible = uuidsOf(...tenants);
    expect(list.results.map(({ uuid }) => uuid).sort()).toEqual(visible);
    expect(list.count).toBe(visible.length);
    for (const { uuid } of rows) {
      const answer = await get(token, `/${uuid}/`);
      expect(answer.status).toBe(visible.includes(uuid) ? 200 : 404);
      if (answer.status === 200) expect(eventOf(answer).uuid).toBe(uuid);
    }
  });

  it.each(FILTERS)('is ANDed to every parameter: %s', async (query) => {
    const unlimited = new URLSearchParams(query);
    unlimited.set('limit', '1000');
    const all = listOf(await get('fake-token-all', `?${unlimited}`));
    const own = all.results.filter(({ tenant }) => tenant === 'a');
    const list = listOf(await get('fake-token-a', query));
    expect(list.count).toBe(own.length);
    const uuids = own.map(({ uuid }) => uuid);
    const isCut = /limit=1$/.test(query);
    expect(list.results.map(({ uuid }) => uuid)).toEqual(isCut ? uuids.slice(0, 1) : uuids);
    for (const token of ['fake-token-empty', 'fake-token-absent'])
      expect(listOf(await get(token, query))).toEqual({ count: 0, next: null, previous: null, results: [] });
  });

  it.each([
    ['tenant=b'],
    ['tenants=*'],
    ['tenant[$ne]=a'],
    ['scope=*'],
    ['$or=[{"tenant":"b"}]'],
    ['user[$gt]='],
    ['__proto__[tenants]=*'],
    ['constructor[prototype][tenants]=*'],
  ])('is not widened by %s', async (query) => {
    expect((await get('fake-token-a', `/?${query}`)).status).toBe(400);
  });

  it.each([
    ['X-Tenant', 'b'],
    ['X-Tenants', '*'],
    ['Cookie', 'tenants=*'],
  ])('is not widened by the header %s', async (name, value) => {
    const answer = await trail.get('/', { as: 'fake-token-a', headers: { [name]: value } });
    expect(listOf(answer).count).toBe(2);
  });

  it.each([
    ['fake-token-a', 'b'],
    ['fake-token-a', 'A'],
    ['fake-token-a', null],
    ['fake-token-empty', 'a'],
    ['fake-token-absent', null],
  ])('gives %s the very answer of an unknown uuid for an event of %s', async (token, tenant) => {
    const [hidden = ''] = uuidsOf(tenant);
    for (const end of ['', '/', '/?x=1']) {
      for (const method of ['GET', 'HEAD', 'DELETE']) {
        const answers = await Promise.all(
          [UNKNOWN, hidden].map((uuid) => trail.get(`/${uuid}${end}`, { as: token as Token, method })),
        );
        const [unknown, other] = answers.map((answer) => [answer.status, answer.text, headersOf(answer)]);
        expect(other).toEqual(unknown);
      }
    }
  });

  it('shows a reader no other answer for the page of another tenant', async () => {
    const [past, none] = await Promise.all([
      get('fake-token-a', '/?page=2&limit=2'),
      get('fake-token-all', '/?page=2&user=nobody'),
    ]);
    expect([past?.status, past?.body]).toEqual([none?.status, none?.body]);
  });
});

describe('the tenants of events that were recorded', () => {
  it('keep a reader to its own, whatever characters they have', async () => {
    const tenants = ['␛005f', 'é', '\ud83d', 'x.y', 'ﬁ', ' '];
    const readers = tenants.map((tenant, i) => [`fake-token-${i}`, { id: 'reader', tenants: [tenant] }]);
    const authenticate = staticTokens(Object.fromEntries(readers));
    const trail = await startTrail({
      build: (app, audit) => void app.use('/', audit.router({ authenticate })),
    });
    for (const tenant of tenants) trail.audit.record({ name: 'Seen', tenant });
    await trail.audit.flush();
    for (const [i, tenant] of tenants.entries()) {
      const list = listOf(await ask(trail.url, { as: `fake-token-${i}` as Token }));
      expect(list.results.map((event) => event.tenant)).toEqual([tenant]);
    }
  });
});
