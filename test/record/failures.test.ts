import type { ErrorRequestHandler, RequestHandler } from 'express';
import { EXPRESSES, startApp, type TestApp } from '../support/app';
import { exchange, get, post } from './raw-client';
import { nextEvent } from './wait';

class PaymentError extends Error {
  override readonly name = 'PaymentError';
  readonly code = 'DECLINED';
}

const HOSTILE_ERROR = new Proxy(new Error('unseen'), {
  get(target, key) {
    if (key === 'message' || key === 'code') throw new Error(`no ${String(key)} for you`);
    return Reflect.get(target, key);
  },
});

const ROUTES: Readonly<Record<string, RequestHandler>> = {
  '/throws': () => {
    throw new PaymentError('the bank said no');
  },
  '/passes': (_req, _res, next) => next(new PaymentError('the bank said no')),
  '/later': (_req, _res, next) => void setImmediate(() => next(new PaymentError('the bank said no'))),
  '/text': (_req, _res, next) => next('a mere string'),
  '/hostile': (_req, _res, next) => next(HOSTILE_ERROR),
  '/endless': (_req, _res, next) => next(new Error('x'.repeat(100_000))),
  '/quotes': (req, _res, next) => next(new Error(`wrong password: ${req.body.password}`)),
  '/by-hand': (req, res) => {
    req.audit.error(new PaymentError('noted by hand'));
    res.status(402).end();
  },
  '/taken-back': (req, res) => {
    req.audit.error(new PaymentError('noted by hand')).error(null);
    res.end();
  },
  '/half-way': (_req, res, next) => {
    res.write('half');
    next(new PaymentError('the bank said no'));
  },
};
const rejects: RequestHandler = async () => {
  throw new PaymentError('the bank said no');
};
const NOTED = { name: 'PaymentError', message: 'the bank said no', code: 'DECLINED' };
const teapot: ErrorRequestHandler = (_error, _req, res, next) =>
  res.headersSent ? next(_error) : void res.status(418).send('sorry');

describe.each(EXPRESSES)('a handler that fails, on %s', (name, express) => {
  async function start(isNoting: boolean, isAnswering: boolean): Promise<TestApp> {
    return startApp({
      express,
      options: { ensureIndexes: false },
      build(app, audit, { json }) {
        app.use(audit.middleware());
        app.use(json());
        for (const [path, handler] of Object.entries(ROUTES)) app.all(path, handler);
        // Express 4 leaves the promises of handlers to themselves
        app.all('/rejects', name === 'Express 5' ? rejects : (ROUTES['/later'] as RequestHandler));
        if (isNoting) app.use(audit.errors());
        if (isAnswering) app.use(teapot);
      },
    });
  }

  describe('with audit.errors()', () => {
    let app: TestApp;
    beforeAll(async () => {
      app = await start(true, true);
    });
    afterAll(() => app.close());

    it.each(['/throws', '/passes', '/later', '/rejects'])(
      'is recorded with its error, and the app answers: %s',
      async (path) => {
        const event = await nextEvent(app, async () => {
          expect(await exchange(app.url, get(path))).toMatch(/ 418 .*sorry$/s);
        });
        expect(event).toMatchObject({ statusCode: 418, status: 'failure', error: NOTED, route: path });
      },
    );

    it.each([
      ['a string', '/text', { name: 'string', message: 'a mere string', code: null }],
      ['an object that throws', '/hostile', { name: 'Error', message: '', code: null }],
      ['an endless message', '/endless', { name: 'Error', message: 'x'.repeat(1_024), code: null }],
      ['a note by hand', '/by-hand', { ...NOTED, message: 'noted by hand' }],
      ['a note that was taken back', '/taken-back', null],
    ])('is recorded with what can be told of %s', async (_case, path, error) => {
      const event = await nextEvent(app, () => exchange(app.url, get(path)));
      expect(event.error).toEqual(error);
    });

    it('is recorded without the secret that its message quotes', async () => {
      const event = await nextEvent(app, () =>
        exchange(app.url, post('/quotes', '{"password":"fake-hunter2"}')),
      );
      expect(event.error).toEqual({ name: 'Error', message: '[REDACTED]', code: null });
    });

    it('is recorded without the body that its parser could not read', async () => {
      const event = await nextEvent(app, () =>
        exchange(app.url, post('/quotes', '{"password":fake-hunter2}')),
      );
      expect(event).toMatchObject({ postData: null, postDataState: 'unread', statusCode: 418 });
      expect(event.error).toEqual({
        name: 'SyntaxError',
        message: '[REDACTED]',
        code: 'entity.parse.failed',
      });
    });

    it('is recorded as aborted when it breaks off its answer half way', async () => {
      const event = await nextEvent(app, () => exchange(app.url, get('/half-way')));
      expect(event).toMatchObject({ outcome: 'aborted', statusCode: 200, status: 'failure', error: NOTED });
    });
  });

  it.each(['/throws', '/passes', '/later', '/rejects'])(
    'is recorded without an error where audit.errors() is not mounted: %s',
    async (path) => {
      const app = await start(false, false);
      expect(await exchange(app.url, get(path))).toMatch(/^HTTP\/1.1 500 /);
      const event = await app.event();
      expect(event).toMatchObject({ statusCode: 500, status: 'failure', error: null, route: path });
      await app.close();
    },
  );
});
