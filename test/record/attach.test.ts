import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { EXPRESSES, startApp, type TestApp } from '../support/app';
import { exchange, get, RawClient } from './raw-client';
import { eventsOf, nextEvent, waitFor } from './wait';

const CANARY = 'canary-0123456789';
const SWITCHED = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: demo\r\n\r\n';
const REFUSED = 'HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno';
const GOOD = 'GET /hello HTTP/1.1\r\nHost: a\r\n\r\n';
const TUNNEL = 'HTTP/1.1 200 Connection Established\r\n\r\n';

function upgrade(target: string, lines: readonly string[] = []): string {
  const head = ['Host: shop.example', 'Connection: Upgrade', 'Upgrade: demo', ...lines];
  return `GET ${target} HTTP/1.1\r\n${head.join('\r\n')}\r\n\r\n`;
}

const connectTo = (authority: string): string =>
  `CONNECT ${authority} HTTP/1.1\r\nHost: shop.example\r\n\r\n`;

describe.each(EXPRESSES)('a request that never reaches %s', (_, express) => {
  let app: TestApp;
  /** Sockets whose upgrade is held, with the request. */
  let held: { req: IncomingMessage; socket: Socket }[];

  beforeEach(async () => {
    held = [];
    app = await startApp({
      express,
      server: { headersTimeout: 50, requestTimeout: 60_000, connectionsCheckingInterval: 10 },
      options: {
        ensureIndexes: false,
        source: 'shop',
        user: (req) => (req as { user?: { id: string } }).user,
        tenant: (req) => req.headers['x-tenant'] as string | undefined,
        labels: (req) => ({ caller: `${req.headers['x-caller']}` }),
        skip: (req, res) => req.headers['x-skip'] === `${res.statusCode}`,
      },
      build(app, audit) {
        app.use(audit.middleware());
        app.get('/hello', (_req, res) => void res.send('hello'));
        app.post('/held', () => {});
        app.get('/slow', (_req, res) => void setImmediate(() => res.send('slow')));
      },
    });
    app.audit.attach(app.server);
  });
  afterEach(() => app.close());

  function serveUpgrades(): void {
    app.server.on('upgrade', (req: IncomingMessage, socket: Socket) => {
      socket.on('error', () => {});
      if (req.url?.startsWith('/refused')) socket.end(REFUSED);
      else if (req.url?.startsWith('/held')) held.push({ req, socket });
      else {
        Object.assign(req, { user: { id: 'ann' } });
        req.headers.host = 'changed.example';
        socket.write(SWITCHED);
        socket.on('data', (data) => socket.write(data));
      }
    });
    app.server.on('connect', (req: IncomingMessage, socket: Socket) => {
      socket.on('error', () => {});
      if (req.url?.startsWith('refused')) socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
      else socket.write(TUNNEL);
    });
  }

  it('is recorded as upgraded when a listener takes it, like any other request', async () => {
    serveUpgrades();
    const client = await RawClient.connect(app.url);
    const lines = [
      `Authorization: Bearer ${CANARY}`,
      'User-Agent: curl/8.5.0',
      'X-Tenant: acme',
      'X-Caller: web',
      'X-Request-Id: r-17',
      'X-Forwarded-For: 203.0.113.9',
      'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    ];
    const event = await nextEvent(app, async () => {
      client.send(upgrade(`/live?room=7&token=${CANARY}`, lines));
      await client.sees('\r\n\r\n');
      client.send('ping');
      await client.sees('ping');
    });
    expect(event).toMatchObject({
      kind: 'request',
      name: 'GET (upgrade)',
      status: 'success',
      statusCode: 101,
      outcome: 'upgraded',
      action: 'access',
      method: 'GET',
      url: 'http://shop.example/live?room=7&token=REDACTED',
      host: 'shop.example',
      route: null,
      queryParams: { room: '7', token: '[REDACTED]' },
      headers: expect.objectContaining({
        host: 'shop.example',
        upgrade: 'demo',
        authorization: '[REDACTED]',
      }),
      remoteAddr: '127.0.0.1',
      peerAddr: '127.0.0.1',
      userAgent: 'curl/8.5.0',
      client: expect.objectContaining({ browser: 'curl 8.5.0', kind: 'api' }),
      requestId: 'r-17',
      traceId: '0af7651916cd43dd8448eb211c80319c',
      spanId: 'b7ad6b7169203331',
      source: 'shop',
      user: { id: 'ann', email: null, name: null },
      tenant: 'acme',
      labels: { caller: 'web' },
      postDataState: 'absent',
      error: null,
    });
    expect(event.durationMs).toBeGreaterThanOrEqual(0);
    expect(JSON.stringify(event)).not.toContain(CANARY);
    expect(client.text()).toBe(`${SWITCHED}ping`);
    expect(app.errors).toEqual([]);
    client.leave();
  });

  it('is recorded with the status by which a listener refuses it', async () => {
    serveUpgrades();
    const event = await nextEvent(app, async () => {
      expect(await exchange(app.url, upgrade('/refused'))).toBe(REFUSED);
    });
    expect(event).toMatchObject({ statusCode: 401, outcome: 'completed', status: 'failure', user: null });
  });

  it('is recorded as aborted when the client leaves before an answer', async () => {
    serveUpgrades();
    const client = await RawClient.connect(app.url);
    client.send(upgrade('/held'));
    await waitFor('the upgrade arrives', () => held.length === 1);
    const event = await nextEvent(app, () => client.leave());
    expect(event).toMatchObject({ statusCode: null, outcome: 'aborted', status: 'failure' });
  });

  it('is recorded on a connection that carried requests before', async () => {
    serveUpgrades();
    const client = await RawClient.connect(app.url);
    client.send(GOOD);
    await client.sees('hello');
    client.send(upgrade('/live'));
    await client.sees('\r\n\r\n');
    const events = await eventsOf(app, 2);
    expect(events.map(({ name, statusCode }) => [name, statusCode])).toEqual([
      ['GET /hello', 200],
      ['GET (upgrade)', 101],
    ]);
    client.leave();
  });

  it('is not taken for the earlier one of its connection whose answer is still due', async () => {
    serveUpgrades();
    const client = await RawClient.connect(app.url);
    client.send(`GET /slow HTTP/1.1\r\nHost: a\r\n\r\n${upgrade('/held')}`);
    await client.sees('slow');
    await waitFor('the upgrade arrives', () => held.length === 1);
    held[0]?.socket.write(SWITCHED);
    await client.sees('101');
    const events = await eventsOf(app, 2);
    const ends = events.map(({ name, statusCode, outcome }) => [name, statusCode, outcome]);
    expect(ends).toContainEqual(['GET /slow', 200, 'completed']);
    expect(ends).toContainEqual(['GET (upgrade)', 101, 'upgraded']);
    client.leave();
  });

  it.each([
    ['in pieces', [['HTTP/1.1 '], ['101 Switching Protocols\r\n\r\n']]],
    ['as bytes', [[Buffer.from(SWITCHED)]]],
    ['in another encoding', [[Buffer.from(SWITCHED).toString('hex'), 'hex']]],
    ['after an interim answer', [['HTTP/1.1 103 Early Hints\r\n\r\n'], [SWITCHED]]],
  ] as [string, Parameters<Socket['write']>[]][])(
    'is answered %s, and leaves the socket alone then',
    async (_case, writes) => {
      serveUpgrades();
      const client = await RawClient.connect(app.url);
      client.send(upgrade('/held'));
      await waitFor('the upgrade arrives', () => held.length === 1);
      const socket = held[0]?.socket as Socket;
      const event = await nextEvent(app, () => {
        for (const args of writes) socket.write(...args);
      });
      expect(event).toMatchObject({ statusCode: 101, outcome: 'upgraded' });
      expect(Object.keys(Object.getOwnPropertyDescriptors(socket))).not.toContain('write');
      expect(Object.keys(Object.getOwnPropertyDescriptors(socket))).not.toContain('end');
      client.leave();
    },
  );

  it('is recorded as a tunnel, or as its refusal, when it is a CONNECT', async () => {
    serveUpgrades();
    const client = await RawClient.connect(app.url);
    client.send(connectTo('db.example:27017'));
    await client.sees(TUNNEL);
    await exchange(app.url, connectTo('refused.example:1'));
    const [tunnel, refusal] = await eventsOf(app, 2);
    expect(tunnel).toMatchObject({ method: 'CONNECT', url: 'http://db.example:27017/', statusCode: 200 });
    expect(tunnel).toMatchObject({ outcome: 'upgraded', status: 'success', host: 'db.example:27017' });
    expect(refusal).toMatchObject({ method: 'CONNECT', statusCode: 403, outcome: 'completed' });
    client.leave();
  });

  it('is recorded once, by the app, when nobody listens for upgrades', async () => {
    const event = await nextEvent(app, () =>
      exchange(app.url, upgrade('/hello').replace('Connection: Upgrade', 'Connection: close, Upgrade')),
    );
    expect(event).toMatchObject({ name: 'GET /hello', statusCode: 200, outcome: 'completed' });
  });

  it('is left out where option `skip` says so, by its status', async () => {
    serveUpgrades();
    await exchange(app.url, upgrade('/refused', ['X-Skip: 401']));
    await exchange(app.url, upgrade('/refused', ['X-Skip: 101']));
    expect(await eventsOf(app, 1)).toMatchObject([{ headers: { 'x-skip': '101' } }]);
  });

  it.each([
    ['malformed request', `BR\x00KEN ${CANARY}\r\n\r\n`, 400, /^HPE_/],
    ['malformed request', `GET /?q=${CANARY} HTTP/1.1\r\nHost: a\r\n broken\r\n\r\n`, 400, /^HPE_/],
    [
      'malformed request',
      `GET /${CANARY}${'x'.repeat(20_000)} HTTP/1.1\r\n\r\n`,
      431,
      /^HPE_HEADER_OVERFLOW$/,
    ],
    [
      'malformed request',
      `GET / HTTP/1.1\r\nX-A: ${CANARY}${'x'.repeat(20_000)}`,
      431,
      /^HPE_HEADER_OVERFLOW$/,
    ],
    ['request timeout', `GET /?q=${CANARY} HTTP/1.1\r\nHo`, 408, /^ERR_HTTP_REQUEST_TIMEOUT$/],
  ])('is recorded by its error, without its bytes: a %s (%#)', async (name, bytes, statusCode, code) => {
    let answer = '';
    const event = await nextEvent(app, async () => {
      answer = await exchange(app.url, bytes);
    });
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${statusCode} [^]*\r\n\r\n$`));
    expect(event).toMatchObject({
      kind: 'request',
      name,
      status: 'failure',
      statusCode,
      outcome: 'completed',
    });
    expect(event).toMatchObject({ method: null, url: null, headers: null, host: null, source: 'shop' });
    expect(event).toMatchObject({ remoteAddr: '127.0.0.1', peerAddr: '127.0.0.1' });
    expect(event.error).toEqual({
      name: 'Error',
      message: expect.any(String),
      code: expect.stringMatching(code),
    });
    expect(JSON.stringify(event)).not.toContain(CANARY);
  });

  it.each([
    ['without a Host', 'GET /bare?token=t HTTP/1.1\r\nConnection: close\r\n\r\n', 400],
    ['with an expectation that nothing meets', get('/wish?token=t', ['Expect: a-miracle']), 417],
    ['too many on its connection', `${GOOD}${GOOD}${get('/more?token=t')}`, 503],
  ])('is recorded when Node refuses it by itself: one %s', async (_case, bytes, statusCode) => {
    app.server.maxRequestsPerSocket = 2;
    const answer = await exchange(app.url, bytes);
    expect(answer).toContain(`HTTP/1.1 ${statusCode} `);
    const count = bytes.split('HTTP/1.1').length - 1;
    const refused = (await eventsOf(app, count)).filter(({ name }) => name !== 'GET /hello');
    expect(refused).toMatchObject([
      { name: 'GET (refused)', method: 'GET', statusCode, status: 'failure', outcome: 'completed' },
    ]);
    expect(refused[0]?.url).toMatch(/^http:\/\/(127.0.0.1:\d+|shop.example)\/\w+\?token=REDACTED$/);
  });

  it('is recorded once, behind good ones of its connection', async () => {
    const client = await RawClient.connect(app.url);
    client.send(GOOD);
    await client.sees('hello');
    await waitFor('the good one is captured', () => app.audit.stats().captured === 1);
    client.send('GARBAGE \x01\r\n\r\nGARBAGE \x01\r\n\r\n');
    await client.end();
    const events = await eventsOf(app, 2);
    expect(events.map(({ name, statusCode }) => [name, statusCode])).toEqual([
      ['GET /hello', 200],
      ['malformed request', 400],
    ]);
  });

  it('has no status where Node has none left to give: behind an answer that is still being sent', async () => {
    const answer = await exchange(app.url, `${GOOD}GARBAGE \x01\r\n\r\n`);
    expect(answer).not.toContain(' 400 ');
    const events = await eventsOf(app, 2);
    expect(events.map(({ name, statusCode }) => [name, statusCode])).toEqual([
      ['GET /hello', 200],
      ['malformed request', null],
    ]);
  });

  it('is not recorded when it is the rest of one that the app has', async () => {
    const client = await RawClient.connect(app.url);
    const head = 'POST /held HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n';
    const event = await nextEvent(app, async () => {
      client.send(`${head}not-a-size\r\n`);
      await client.end();
    });
    expect(event).toMatchObject({ name: 'POST /held', outcome: 'aborted' });
    await exchange(app.url, 'GARBAGE\r\n\r\n');
    await eventsOf(app, 2);
  });

  it('is no request where a connection said nothing, and ends by a timeout or a reset', async () => {
    const silent = await RawClient.connect(app.url);
    const gone = await RawClient.connect(app.url);
    gone.leave();
    expect(await silent.end()).toMatch(/^HTTP\/1.1 408 /);
    await exchange(app.url, 'GARBAGE\r\n\r\n');
    expect(await eventsOf(app, 1)).toMatchObject([{ name: 'malformed request' }]);
  });
});
