import { connect } from 'node:net';
import { EXPRESSES } from '../support/app';
import { type ApiEvent, eventOf, listOf } from './contract';
import { authenticate, startTrail, type Trail } from './trail';

/** A client that leaves while the handler waits. */
async function abortRequest(port: number, isHandled: Promise<void>): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  socket.write('GET /waiting HTTP/1.1\r\nHost: shop.example\r\n\r\n');
  await isHandled;
  socket.destroy();
}

describe.each(EXPRESSES)('an answer of audit-events on %s', (_, express) => {
  let trail: Trail;
  let events: Map<string, ApiEvent>;
  let isWaiting: () => void;
  const waiting = new Promise<void>((resolve) => {
    isWaiting = resolve;
  });
  let hasClosed: () => void;
  const closed = new Promise<void>((resolve) => {
    hasClosed = resolve;
  });

  beforeAll(async () => {
    trail = await startTrail({
      express,
      options: {
        tenant: (req) => req.get('X-Tenant'),
        labels: () => ({ region: 'eu', shard: 3 }),
        user: (req) => (req.get('X-User') === undefined ? null : { id: 7, email: 'u@example.org' }),
      },
      build(app, audit, { json }) {
        app.use('/audit-events', audit.router({ authenticate }));
        app.use(audit.middleware());
        app.use(json());
        app.put('/orders/:id', (req, res) => {
          req.audit.content({ note: 'paid', by: null }).name('OrderPaid');
          res.json({});
        });
        app.get('/waiting', (_req, res) => {
          res.once('close', () => hasClosed());
          isWaiting();
        });
        app.get('/broken', (_req, _res, next) => next(Object.assign(new Error('it broke'), { code: 'E1' })));
        app.use(audit.errors());
      },
    });
    await fetch(`${trail.url}/orders/42?debug=1&x=a&x=b`, {
      method: 'PUT',
      headers: {
        'Content-Type': 'application/json',
        'X-Tenant': 'a',
        'X-User': '7',
        'X-Request-Id': 'request-1',
        'User-Agent': 'curl/8.5.0',
      },
      body: '{"total":12.5,"lines":[{"sku":"s-1"}],"__proto__":{"a.b":"$x"}}',
    });
    await fetch(`${trail.url}/orders/none`, { headers: { 'User-Agent': 'Mozilla/5.0' } });
    await fetch(`${trail.url}/broken`);
    await abortRequest(Number(new URL(trail.url).port), waiting);
    await closed;
    trail.audit.record({ name: 'NightlyJob', system: true });
    await trail.audit.flush();
    const { results } = listOf(await trail.get('/'));
    events = new Map(results.map((event) => [`${event.name} ${event.kind}`, event]));
  });

  it('gives every kind of event in exactly the documented fields and types', () => {
    expect([...events.keys()].sort()).toEqual([
      'GET (no route) request',
      'GET /broken request',
      'GET /waiting request',
      'NightlyJob event',
      'OrderPaid request',
    ]);
  });

  it('gives the facts of a request', () => {
    const { uuid } = events.get('OrderPaid request') ?? {};
    expect(events.get('OrderPaid request')).toMatchObject({
      user: { id: '7', email: 'u@example.org', name: null },
      url: `${trail.url}/orders/42?debug=1&x=a&x=b`,
      query_params: { debug: '1', x: ['a', 'b'] },
      post_data: JSON.parse('{"total":12.5,"lines":[{"sku":"s-1"}],"__proto__":{"a.b":"$x"}}'),
      post_data_state: 'captured',
      headers: { 'x-tenant': 'a', 'content-type': 'application/json' },
      remote_addr: '127.0.0.1',
      object_type: 'orders',
      object_id: 42,
      content: { note: 'paid', by: null },
      action: 'update',
      status: 'success',
      outcome: 'completed',
      status_code: 200,
      method: 'PUT',
      route: '/orders/:id',
      request_id: 'request-1',
      commit_id: uuid,
      tenant: 'a',
      user_agent: 'curl/8.5.0',
      client: { browser: 'curl 8.5.0', os: null, device: null, kind: 'api' },
      labels: { region: 'eu', shard: 3 },
    });
  });

  it('gives null with the key present for what an event does not have', () => {
    const unknown = ['url', 'query_params', 'post_data', 'headers', 'remote_addr', 'content', 'outcome'];
    const more = ['status_code', 'duration_ms', 'method', 'route', 'tenant', 'user_agent', 'client', 'user'];
    const states = ['before', 'after', 'diff', 'error'];
    expect(events.get('NightlyJob event')).toMatchObject({
      ...Object.fromEntries([...unknown, ...more, ...states].map((name) => [name, null])),
      labels: {},
      truncated: [],
    });
  });

  it('gives failures with their reason, and no status code where none was sent', () => {
    expect(events.get('GET (no route) request')).toMatchObject({
      status: 'failure',
      status_code: 404,
      object_type: 'request',
    });
    expect(events.get('GET /broken request')).toMatchObject({
      status: 'failure',
      status_code: 500,
      error: { name: 'Error', message: 'it broke', code: 'E1' },
    });
    expect(events.get('GET /waiting request')).toMatchObject({
      status: 'failure',
      outcome: 'aborted',
      status_code: null,
    });
  });

  it('gives the same event as a detail, by its uuid in either case', async () => {
    for (const event of events.values()) {
      expect(eventOf(await trail.get(`/${event.uuid}/`))).toEqual(event);
      expect(eventOf(await trail.get(`/${event.uuid.toUpperCase()}`))).toEqual(event);
    }
  });
});

describe('an object id', () => {
  let trail: Trail;
  beforeAll(async () => {
    trail = await startTrail();
  });

  it.each([
    ['0', 0],
    ['7', 7],
    ['2147483646', 2_147_483_646],
    ['2147483647', 2_147_483_647],
    ['2147483648', '2147483648'],
    ['9999999999', '9999999999'],
    ['10000000000', '10000000000'],
    ['00', '00'],
    ['007', '007'],
    ['-1', '-1'],
    ['+1', '+1'],
    ['1.0', '1.0'],
    ['1e3', '1e3'],
    ['0x10', '0x10'],
    [' 1', ' 1'],
    ['1\n', '1\n'],
    ['١', '١'],
    ['507f1f77bcf86cd799439011', '507f1f77bcf86cd799439011'],
    ['x'.repeat(256), 'x'.repeat(256)],
    ['␛', '␛'],
  ])('%j is rendered as %j, and found by what was stored', async (id, rendered) => {
    trail.audit.record({ name: 'Seen', object: { type: 'ids', id } });
    await trail.audit.flush();
    const { results } = listOf(await trail.get(`/?object_id=${encodeURIComponent(id)}`));
    expect(results.map(({ object_id }) => object_id)).toEqual([rendered]);
  });
});
