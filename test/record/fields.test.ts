import { EXPRESSES, startApp, type TestApp } from '../support/app';
import { exchange, get, post } from './raw-client';
import { nextEvent } from './wait';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';
const UUID_7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

describe.each(EXPRESSES)('the event of a request on %s', (_, express) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp({
      express,
      options: { source: 'shop' },
      build(app, audit, { json }) {
        app.use(audit.middleware(), json());
        app.all('/things/:id', (_req, res) => void res.send('ok'));
        app.all('/status/:code', (req, res) => void res.status(Number(req.params.code)).end());
      },
    });
  });
  afterAll(() => app.close());

  it('has every field of the schema', async () => {
    const before = Date.now();
    let sent = '';
    const event = await nextEvent(app, async () => {
      sent = await exchange(app.url, post('/things/7', '{}'));
    });
    expect(event).toEqual({
      uuid: expect.stringMatching(UUID_7),
      id: expect.any(Number),
      writer: expect.stringMatching(UUID_7),
      sequence: expect.any(Number),
      version: 1,
      timestamp: expect.any(Date),
      recordedAt: expect.any(Date),
      kind: 'request',
      status: 'success',
      commitId: event.uuid,
      requestId: event.uuid,
      traceId: null,
      spanId: null,
      source: 'shop',
      action: 'create',
      name: 'POST /things/:id',
      user: null,
      onBehalfOf: null,
      system: false,
      tenant: null,
      object: { type: 'things', id: '7' },
      association: null,
      content: null,
      before: null,
      after: null,
      diff: null,
      exact: null,
      partial: null,
      changeCount: null,
      labels: {},
      error: null,
      method: 'POST',
      url: 'http://shop.example/things/7',
      route: '/things/:id',
      host: 'shop.example',
      queryParams: null,
      postData: {},
      postDataState: 'captured',
      headers: {
        host: 'shop.example',
        connection: 'close',
        'content-type': 'application/json',
        'content-length': '2',
      },
      remoteAddr: '127.0.0.1',
      peerAddr: '127.0.0.1',
      userAgent: null,
      client: null,
      statusCode: 200,
      durationMs: expect.any(Number),
      responseBytes: sent.length,
      outcome: 'completed',
      truncated: [],
      gap: null,
    });
    expect(sent).toContain(`X-Audit-Id: ${event.uuid}\r\n`);
    expect(event.timestamp.getTime()).toBeGreaterThanOrEqual(before);
    expect(event.recordedAt.getTime()).toBeGreaterThanOrEqual(event.timestamp.getTime());
    expect(Number.parseInt(event.uuid.slice(0, 8) + event.uuid.slice(9, 13), 16)).toBe(
      event.timestamp.getTime(),
    );
  });

  it.each([
    ['GET', 'access'],
    ['HEAD', 'access'],
    ['OPTIONS', 'access'],
    ['PROPFIND', 'access'],
    ['POST', 'create'],
    ['PUT', 'update'],
    ['PATCH', 'update'],
    ['DELETE', 'delete'],
  ])('of %s has the action %s', async (method, action) => {
    const event = await nextEvent(app, () => exchange(app.url, get('/things/7', [], method)));
    expect(event).toMatchObject({ method, action, name: `${method} /things/:id` });
  });

  it.each([
    [200, 'success'],
    [302, 'success'],
    [304, 'success'],
    [399, 'success'],
    [400, 'failure'],
    [404, 'failure'],
    [500, 'failure'],
    [599, 'failure'],
  ])('of status %i is a %s', async (statusCode, status) => {
    const event = await nextEvent(app, () => exchange(app.url, get(`/status/${statusCode}`)));
    expect(event).toMatchObject({ statusCode, status, outcome: 'completed' });
  });

  it.each([
    ['sane', 'req-42/a b', 'req-42/a b'],
    ['of 128 characters', 'r'.repeat(128), 'r'.repeat(128)],
    ['of 129 characters', 'r'.repeat(129), null],
    ['empty', '', null],
    ['not ASCII', '\u00e9', null],
    ['with a tab', 'a\tb', null],
  ])('keeps an X-Request-Id that is sane, else has its uuid: %s', async (_case, requestId, kept) => {
    const request = Buffer.from(get('/things/7', [`X-Request-Id: ${requestId}`]), 'latin1');
    const event = await nextEvent(app, () => exchange(app.url, request));
    expect(event.requestId).toBe(kept ?? event.uuid);
  });

  it.each([
    ['of version 00', `00-${TRACE}-${SPAN}-01`, true],
    ['of a later version', `cc-${TRACE}-${SPAN}-01`, true],
    ['of a later version with more fields', `cc-${TRACE}-${SPAN}-01-what-the-future-brings`, true],
    ['of version 00 with more fields', `00-${TRACE}-${SPAN}-01-x`, false],
    ['of version ff', `ff-${TRACE}-${SPAN}-01`, false],
    ['without a trace', `00-${'0'.repeat(32)}-${SPAN}-01`, false],
    ['without a span', `00-${TRACE}-${'0'.repeat(16)}-01`, false],
    ['in upper case', `00-${TRACE.toUpperCase()}-${SPAN}-01`, false],
    ['too short', `00-${TRACE.slice(1)}-${SPAN}-01`, false],
    ['without flags', `00-${TRACE}-${SPAN}`, false],
    ['that is garbage', 'x'.repeat(4_000), false],
  ])('reads a traceparent %s', async (_case, traceparent, isValid) => {
    const event = await nextEvent(app, () =>
      exchange(app.url, get('/things/7', [`Traceparent: ${traceparent}`])),
    );
    const [traceId, spanId] = isValid ? [TRACE, SPAN] : [null, null];
    expect({ traceId: event.traceId, spanId: event.spanId }).toEqual({ traceId, spanId });
  });

  it('takes no part of two traceparents', async () => {
    const lines = Array(2).fill(`Traceparent: 00-${TRACE}-${SPAN}-01`);
    const event = await nextEvent(app, () => exchange(app.url, get('/things/7', lines)));
    expect(event).toMatchObject({ traceId: null, spanId: null });
  });

  it.each([
    ['/things/7', null],
    ['/things/7?', {}],
    ['/things/7?a=1&b=', { a: '1', b: '' }],
    ['/things/7?a=1&a=2', { a: ['1', '2'] }],
    ['/things/7?caf%C3%A9=%F0%9F%98%80+x', { caf\u00e9: '\u{1f600} x' }],
    ['/things/7?a=%E0%A4%A', { a: expect.any(String) }],
  ])('tells the query parameters of %s', async (target, queryParams) => {
    const event = await nextEvent(app, () => exchange(app.url, get(target)));
    expect(event.queryParams).toEqual(queryParams);
  });

  it.each([
    ['joins repeated headers', ['X-A: 1', 'X-A: 2'], { 'x-a': '1, 2' }],
    ['keeps a Latin-1 header', ['X-B: caf\u00e9'], { 'x-b': 'caf\u00e9' }],
    [
      'keeps hostile names',
      ['__proto__: 1', 'constructor: 2', '$where: 3'],
      { constructor: '2', $where: '3' },
    ],
    ['keeps markup', ['Referer: <img src=x onerror=alert(1)>'], { referer: '<img src=x onerror=alert(1)>' }],
  ])('%s', async (_case, lines, headers) => {
    const event = await nextEvent(app, () =>
      exchange(app.url, Buffer.from(get('/things/7', lines), 'latin1')),
    );
    expect(event.headers).toMatchObject(headers);
  });
});

describe.each(EXPRESSES)('query parameters on %s', (_, express) => {
  it.each<[string, unknown, object]>([
    ['off', false, { 'a[b]': '1', c: ['2', '3'] }],
    ['simple', 'simple', { 'a[b]': '1', c: ['2', '3'] }],
    ['extended', 'extended', { a: { b: '1' }, c: ['2', '3'] }],
    ['of your own', () => ({ own: true }), { own: true }],
    [
      'of your own, which throws',
      () => {
        throw new Error('no');
      },
      { 'a[b]': '1', c: ['2', '3'] },
    ],
  ])('are recorded whatever the query parser is: %s', async (_case, parser, queryParams) => {
    const app = await startApp({
      express,
      options: { ensureIndexes: false },
      build(app, audit) {
        app.set('query parser', parser);
        app.use(audit.middleware());
        app.use((_req, res) => void res.send('ok'));
      },
    });
    await app.audit.ready();
    const answer = await exchange(app.url, get('/?a[b]=1&c=2&c=3'));
    // Express 4 runs the parser in front of all middleware: what it throws ends the request there
    const events = answer.startsWith('HTTP/1.1 500') ? [] : [{ queryParams }];
    expect(await app.events()).toMatchObject(events);
    await app.close();
  });
});
