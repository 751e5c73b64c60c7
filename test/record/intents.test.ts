import type { Express, RequestHandler } from 'express';
import type { Audit, AuditOptions, StoredEvent } from '../../lib/index';
import { until } from '../delivery/harness';
import { EXPRESSES, startApp, type TestApp } from '../support/app';

const isUnsafe = (req: { method: string }): boolean => !['GET', 'HEAD', 'OPTIONS'].includes(req.method);
const asAnn: RequestHandler = (req, _res, next) => {
  Object.assign(req, { user: { id: 'u1', email: 'ann@example.org' } });
  next();
};

describe.each(EXPRESSES)('an intent on %s', (_, express) => {
  let app: TestApp;
  /** What the trail held when a handler ran. */
  let capturedBefore: number[];

  async function start(
    options: Partial<AuditOptions>,
    mount: (app: Express, audit: Audit) => void,
  ): Promise<void> {
    capturedBefore = [];
    app = await startApp({
      express,
      options,
      build(server, audit) {
        mount(server, audit);
        server.all('/orders/:id', (req, res) => {
          capturedBefore.push(audit.stats().captured);
          if (req.body !== undefined) req.audit.content({ seen: true });
          res.json({ ok: true });
        });
        server.get('/wait', () => {});
      },
    });
  }
  afterEach(() => app.close());

  async function send(method: string, path = '/orders/7', body?: object): Promise<string | null> {
    const init = { method, ...(body && { body: JSON.stringify(body) }) };
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(app.url + path, { ...init, headers });
    await response.arrayBuffer();
    return response.headers.get('x-audit-id');
  }

  async function pair(): Promise<readonly [StoredEvent, StoredEvent]> {
    const events = await app.events();
    expect(events).toHaveLength(2);
    const intent = events.find(({ status }) => status === 'intent');
    const outcome = events.find(({ status }) => status !== 'intent');
    if (intent === undefined || outcome === undefined) throw new Error('one of each was expected');
    return [intent, outcome];
  }

  describe('on arrival', () => {
    const atFront = (server: Express, audit: Audit): void => {
      server.use(audit.middleware(), express.json(), asAnn);
    };

    it('is in the trail before the handler runs, and joined to its outcome', async () => {
      await start({ intent: isUnsafe }, atFront);
      const id = await send('POST', '/orders/7', { price: 5 });
      expect(capturedBefore).toEqual([1]);
      const [intent, outcome] = await pair();
      expect(outcome).toMatchObject({ uuid: id, commitId: id, status: 'success', postData: { price: 5 } });
      expect(intent).toMatchObject({ commitId: id, kind: 'request', action: 'create', method: 'POST' });
      expect(intent).toMatchObject({
        url: outcome.url,
        headers: outcome.headers,
        requestId: outcome.requestId,
      });
      expect(intent).toMatchObject({
        statusCode: null,
        durationMs: null,
        outcome: null,
        responseBytes: null,
      });
      expect(intent).toMatchObject({ postData: null, postDataState: 'unread', user: null, content: null });
      expect(intent.uuid < outcome.uuid).toBe(true);
      expect(intent.sequence).toBeLessThan(outcome.sequence);
      expect(outcome).toMatchObject({ content: { seen: true }, user: { id: 'u1' }, route: '/orders/:id' });
    });

    it('is written only where the option says so', async () => {
      await start({ intent: isUnsafe }, atFront);
      await send('GET');
      expect(await app.event()).toMatchObject({ status: 'success', method: 'GET' });
    });

    it('is not written without the option', async () => {
      await start({}, atFront);
      await send('DELETE');
      expect(await app.event()).toMatchObject({ status: 'success' });
    });

    it('is left out with the request that the app leaves out', async () => {
      await start({ intent: () => true, skip: () => true }, atFront);
      await app.audit.ready();
      await send('POST');
      expect(await app.events()).toEqual([]);
    });

    it('stays an intent when no outcome comes', async () => {
      await start({ intent: () => true }, atFront);
      const abort = new AbortController();
      const waiting = fetch(`${app.url}/wait`, { signal: abort.signal }).catch(() => {});
      await until(() => app.audit.stats().captured === 1);
      expect(await app.event()).toMatchObject({ status: 'intent', outcome: null });
      abort.abort();
      await waiting;
      await until(() => app.audit.stats().captured === 2);
      const [intent, outcome] = await pair();
      expect(intent.status).toBe('intent');
      expect(outcome).toMatchObject({ outcome: 'aborted', commitId: intent.commitId });
    });

    it('has its outcome, also where the request is left out later', async () => {
      await start({ intent: isUnsafe, skip: (_req, res) => res.statusCode === 404 }, atFront);
      await send('DELETE', '/nowhere');
      expect((await pair())[1]).toMatchObject({ status: 'failure', statusCode: 404 });
    });

    it.each([
      [
        'throws',
        () => {
          throw new Error('no');
        },
      ],
      ['returns a promise', () => Promise.resolve(true)],
    ])('costs no request when the option %s', async (_how, intent) => {
      await start({ intent: intent as never }, atFront);
      await send('POST');
      expect(await app.event()).toMatchObject({ status: 'success' });
      expect(app.errors).toMatchObject([{ code: 'AUDIT_CALLBACK_FAILED' }]);
    });

    it('holds a body that is parsed already', async () => {
      await start({ intent: isUnsafe }, (server, audit) => {
        server.use(express.json(), asAnn, audit.middleware());
      });
      await send('PUT', '/orders/7', { password: 'not-a-real-password', price: 5 });
      const [intent] = await pair();
      expect(intent).toMatchObject({ postData: { password: '[REDACTED]', price: 5 }, user: { id: 'u1' } });
    });
  });

  describe('mounted by audit.intent()', () => {
    const behind = (server: Express, audit: Audit): void => {
      const intent = audit.intent();
      const about: RequestHandler = (req, _res, next) => {
        req.audit.object('orders', '7').labels({ shard: 3 });
        next();
      };
      server.use(audit.middleware(), express.json(), asAnn, about, intent, intent);
    };

    it('holds the user, the body and the object that are known there, once', async () => {
      await start({ intent: isUnsafe }, behind);
      await send('POST', '/orders/7', { price: 5 });
      expect(capturedBefore).toEqual([1]);
      const [intent, outcome] = await pair();
      expect(intent).toMatchObject({ status: 'intent', user: { id: 'u1' }, postData: { price: 5 } });
      expect(intent).toMatchObject({ object: { type: 'orders', id: '7' }, labels: { shard: 3 } });
      expect(intent.uuid < outcome.uuid).toBe(true);
      expect(outcome).toMatchObject({ object: { type: 'orders', id: '7' }, labels: { shard: 3 } });
    });

    it('is left to the option, where there is one', async () => {
      await start({ intent: isUnsafe }, behind);
      await send('GET');
      expect(await app.event()).toMatchObject({ status: 'success' });
    });

    it('is written for all that pass, where there is none', async () => {
      await start({}, behind);
      await send('GET');
      expect((await pair())[0]).toMatchObject({ method: 'GET', status: 'intent' });
    });

    it('says what is missing where nothing recorded the request before, and lets it pass', async () => {
      await start({}, (server, audit) => {
        server.use(audit.intent(), audit.middleware());
      });
      await send('GET');
      await send('GET');
      expect((await app.events()).map(({ status }) => status)).toEqual(['success', 'success']);
      expect(app.errors).toMatchObject([{ code: 'AUDIT_INTENT_UNRECORDED' }]);
    });
  });
});
