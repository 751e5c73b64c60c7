import type { Express, RequestHandler } from 'express';
import { type Audit, createAudit } from '../../lib/index';
import { EXPRESSES, freshUri, startApp } from '../support/app';
import { exchange, get, post } from './raw-client';
import { nextEvent } from './wait';

const BODY = '{"name":"Ada","tags":["a","b"]}';
type Build = (app: Express, audit: Audit, parse: RequestHandler) => void;

const echo: RequestHandler = (req, res) => void res.json({ body: req.body });
const mutate: RequestHandler = (req, res) => {
  req.body.name = 'Eve';
  req.body.tags.push('c');
  req.headers.accept = 'changed';
  delete req.headers['x-kept'];
  req.url = '/rewritten';
  res.json({ body: req.body, accept: req.headers.accept });
};
const replace: RequestHandler = (req, res) => {
  req.body = { replaced: true };
  res.json({ body: req.body });
};

describe.each(EXPRESSES)('audit.middleware() on %s', (_, express) => {
  async function start(build: Build, options = {}) {
    return startApp({
      express,
      options: { ensureIndexes: false, ...options },
      build: (app, audit, { json }) => build(app, audit, json()),
    });
  }

  it.each<[string, Build, string]>([
    [
      'in front of the body parser',
      (app, audit, parse) => app.use(audit.middleware(), parse).post('/users/:id', echo),
      'captured',
    ],
    [
      'behind the body parser',
      (app, audit, parse) => app.use(parse, audit.middleware()).post('/users/:id', echo),
      'captured',
    ],
    [
      'in front of a parser of one route',
      (app, audit, parse) => app.use(audit.middleware()).post('/users/:id', parse, echo),
      'captured',
    ],
    ['without any parser', (app, audit) => app.use(audit.middleware()).post('/users/:id', echo), 'unread'],
    [
      'twice',
      (app, audit, parse) =>
        app.use(audit.middleware()).use(parse).use(audit.middleware()).post('/users/:id', echo),
      'captured',
    ],
    [
      'on a path',
      (app, audit, parse) => app.use('/users', audit.middleware()).use(parse).post('/users/:id', echo),
      'captured',
    ],
  ])(
    'records one event, with the full url and the body as far as it was read: %s',
    async (_case, build, state) => {
      const app = await start(build);
      const answer = await exchange(app.url, post('/users/7?a=1', BODY));
      const body = state === 'captured' ? JSON.parse(BODY) : null;
      expect(answer).toMatch(/^HTTP\/1.1 200 /);
      if (body !== null) expect(answer).toContain(JSON.stringify({ body }));
      expect(await app.event()).toMatchObject({
        url: 'http://shop.example/users/7?a=1',
        route: '/users/:id',
        object: { type: 'users', id: '7' },
        postData: body,
        postDataState: state,
      });
      await app.close();
    },
  );

  it.each([
    ['a sub-router', 'router'],
    ['a mounted app', 'app'],
  ])('records the requests of %s alone, with their full url', async (_case, kind) => {
    const app = await start((app, audit, parse) => {
      const sub = kind === 'app' ? express() : express.Router();
      sub.use(audit.middleware());
      sub.use(parse);
      sub.post('/users/:id', echo);
      app.get('/health', (_req, res) => void res.send('fine'));
      app.use('/api', sub);
    });
    await exchange(app.url, get('/health'));
    await exchange(app.url, post('/api/users/7?a=1', BODY));
    expect(await app.event()).toMatchObject({
      url: 'http://shop.example/api/users/7?a=1',
      route: '/api/users/:id',
      postData: JSON.parse(BODY),
    });
    await app.close();
  });

  it.each<[string, RequestHandler, object]>([
    ['changes body, headers and url', mutate, { name: 'Eve', tags: ['a', 'b', 'c'] }],
    ['replaces the body', replace, { replaced: true }],
  ])('records what was sent, and leaves alone a handler that %s', async (_case, handler, body) => {
    const app = await start((app, audit, parse) =>
      app.use(audit.middleware(), parse).post('/users/:id', handler),
    );
    const sent = post('/users/7?a=1', BODY).toString().replace('\r\n', '\r\nAccept: a/b\r\nX-Kept: yes\r\n');
    expect(await exchange(app.url, sent)).toContain(`{"body":${JSON.stringify(body)}`);
    const event = await app.event();
    expect(event).toMatchObject({ postData: JSON.parse(BODY), url: 'http://shop.example/users/7?a=1' });
    expect(event.headers).toMatchObject({ accept: 'a/b', 'x-kept': 'yes' });
    await app.close();
  });

  it.each<[string, PropertyDescriptor]>([
    [
      'throws',
      {
        get() {
          throw new Error('no session');
        },
      },
    ],
    [
      'gives a user that throws',
      {
        get: () => ({
          get id() {
            throw new Error('no id');
          },
        }),
      },
    ],
    ['gives an id that is no text', { get: () => ({ id: Object.create(null) }) }],
  ])('records the event without its user when a req.user getter %s', async (_case, descriptor) => {
    const app = await start((app, audit) =>
      app
        .use((req, _res, next) => {
          Object.defineProperty(req, 'user', descriptor);
          next();
        })
        .use(audit.middleware())
        .get('/users/:id', echo),
    );
    expect(await exchange(app.url, get('/users/7'))).toMatch(/^HTTP\/1.1 200 /);
    expect(await app.event()).toMatchObject({ user: null, route: '/users/:id', statusCode: 200 });
    expect(app.errors).toContainEqual(expect.objectContaining({ code: 'AUDIT_CALLBACK_FAILED' }));
    await app.close();
  });

  it('of two audits in one app does not meet the other', async () => {
    const other = createAudit({ mongo: freshUri(), ensureIndexes: false, onError: () => {} });
    const app = await start(
      (app, audit, parse) => app.use(audit.middleware(), other.middleware(), parse).post('/users/:id', echo),
      { source: 'first' },
    );
    const event = await nextEvent(app, () => exchange(app.url, post('/users/7', BODY)));
    expect(event).toMatchObject({ source: 'first', postData: JSON.parse(BODY) });
    expect(other.stats().captured).toBe(1);
    await other.close();
    await app.close();
  });
});
