import type { RequestHandler } from 'express';
import { EXPRESSES, startApp, type TestApp } from '../support/app';
import { exchange, get } from './raw-client';
import { nextEvent } from './wait';

const answer: RequestHandler = (_req, res) => void res.send('ok');
const fail: RequestHandler = () => {
  throw new Error('boom');
};

describe.each(EXPRESSES)('the route of a request on %s', (name, express) => {
  const isFive = name === 'Express 5';
  let app: TestApp;

  beforeAll(async () => {
    app = await startApp({
      express,
      build(app, audit, { Router }) {
        app.use(audit.middleware());
        app.get('/', answer);
        app.get('/users/:userId/orders/:id', answer);
        app.get('/fail/:id', fail);
        app.get(['/list/:id', '/list', '/:kind/list'], answer);
        app.get([/^\/one-(\d+)$/, /^\/two-(\d+)$/], answer);
        app.get(/^\/files\/(.+)\.(\w+)$/, answer);
        app.get(isFive ? '/deep/*path' : '/deep/*', answer);
        app.get(isFive ? '/maybe{/:id}' : '/maybe/:id?', answer);
        app.get('/ends/:id', (_req, _res, next) => next());

        const items = Router();
        items.get('/', answer);
        items.get('/:id', answer);
        items.get('/:id/fail', fail);
        items.get('/:idx/parts/:part', answer);
        app.use('/items', items);

        const nested = Router();
        nested.use('/v1', items);
        app.use('/api', nested);

        const merged = Router({ mergeParams: true });
        merged.get('/', answer);
        merged.get('/orders', answer);
        merged.get('/orders/:id', answer);
        merged.get('/orders/:ids/lines', answer);
        merged.get(/^\/export-(\w+)$/, answer);
        app.use('/people/:person', merged);
        app.use('/orgs/:org/people/:id', merged);

        const unmerged = Router();
        unmerged.get('/orders/:id', answer);
        app.use('/hidden/:person', unmerged);
      },
    });
  });
  afterAll(() => app.close());

  it.each([
    ['/', '/', null],
    ['/users/7/orders/42', '/users/:userId/orders/:id', { type: 'orders', id: '42' }],
    ['/users/7/orders/4%2F2?x=/a/b', '/users/:userId/orders/:id', { type: 'orders', id: '4/2' }],
    ['http://other.example/users/7/orders/42', '/users/:userId/orders/:id', { type: 'orders', id: '42' }],
    ['/fail/7', '/fail/:id', { type: 'fail', id: '7' }],
    ['/list', '/list', null],
    ['/list/7', '/list/:id', { type: 'list', id: '7' }],
    ['/best/list', '/:kind/list', null],
    ['/one-1', '^\\/one-(\\d+)$', null],
    ['/two-2', '^\\/two-(\\d+)$', null],
    ['/files/a/b.txt', '^\\/files\\/(.+)\\.(\\w+)$', null],
    ['/deep/a/b', isFive ? '/deep/*path' : '/deep/*', null],
    ['/maybe/7', isFive ? '/maybe{/:id}' : '/maybe/:id?', null],
    ['/ends/7', '/ends/:id', { type: 'ends', id: '7' }],
    ['/nowhere/7', null, null],
    ['/items', '/items', null],
    ['/items/', '/items', null],
    ['/items/7', '/items/:id', { type: 'items', id: '7' }],
    ['/items/7/fail', '/items/:id/fail', { type: 'items', id: '7' }],
    ['/items/7/parts/8', '/items/:idx/parts/:part', { type: 'parts', id: '8' }],
    ['/api/v1/7', '/api/v1/:id', { type: 'v1', id: '7' }],
    ['http://other.example/api/v1/7', '/api/v1/:id', { type: 'v1', id: '7' }],
    ['/people/7', '/people/:person', { type: 'people', id: '7' }],
    ['/people/7/orders', '/people/:person/orders', { type: 'people', id: '7' }],
    ['/people/people/orders', '/people/:person/orders', { type: 'people', id: 'people' }],
    ['/people/orders/orders', '/people/:person/orders', { type: 'people', id: 'orders' }],
    ['/people/7/orders/7', '/people/:person/orders/:id', { type: 'orders', id: '7' }],
    ['/people/7/export-csv', '/people/:person/^\\/export-(\\w+)$', { type: 'people', id: '7' }],
    ['/people/csv/export-csv', '/people/:person/^\\/export-(\\w+)$', { type: 'people', id: 'csv' }],
    ['/orgs/a/people/7/orders', '/orgs/:org/people/:id/orders', { type: 'people', id: '7' }],
    ['/orgs/people/people/7/orders', '/orgs/:org/people/:id/orders', { type: 'people', id: '7' }],
    [
      '/orgs/a/people/b/orders/c/lines',
      '/orgs/:org/people/:id/orders/:ids/lines',
      { type: 'orders', id: 'c' },
    ],
    ['/hidden/7/orders/8', '/hidden/7/orders/:id', { type: 'orders', id: '8' }],
  ])('of %s is %s', async (target, route, object) => {
    const event = await nextEvent(app, () => exchange(app.url, get(target)));
    expect(event.route).toBe(route);
    expect(event.name).toBe(`GET ${route ?? '(no route)'}`);
    expect(event.object).toEqual(object ?? { type: 'request', id: event.uuid });
  });
});
