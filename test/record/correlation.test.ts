import { AsyncLocalStorage } from 'node:async_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { RequestHandler } from 'express';
import { createConnection } from 'mongoose';
import type { StoredEvent } from '../../lib/index';
import { EXPRESSES, freshUri, startApp, type TestApp } from '../support/app';
import { observed } from './observed';
import { exchange, get, RawClient } from './raw-client';
import { eventsOf, waitFor } from './wait';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const KEPT = 'Host: shop.example\r\n';

function kept(target: string, user: string): string {
  return `GET ${target} HTTP/1.1\r\n${KEPT}X-User: ${user}\r\n\r\n`;
}

const byId = (events: readonly StoredEvent[], id: string) => events.find(({ object }) => object.id === id);
const ofKind = (events: readonly StoredEvent[], kind: string) => events.filter((one) => one.kind === kind);

describe.each(EXPRESSES)('what a request sets off on %s', (_, express) => {
  const tracer = new AsyncLocalStorage<string>();
  let app: TestApp;
  let handle: RequestHandler;
  let change: (id: string) => void;

  beforeEach(async () => {
    app = await startApp({
      express,
      options: {
        user: (req) => req.headers['x-user'] as string,
        tenant: (req) => req.headers['x-user'] as string,
        labels: () => ({ long: 'x'.repeat(2_000) }),
        ensureIndexes: false,
      },
      build(app, audit) {
        app.use((_req, _res, next) => tracer.run('a request', next));
        app.use(audit.middleware());
        app.all('/items/:id', (req, res, next) => handle(req, res, next));
      },
    });
    const recorder = app.audit.changeRecorder();
    change = (id) => recorder.record(observed({ object: { type: 'things', id } }));
  });
  afterEach(() => app.close());

  it.each(['finish', 'close'])('is its own when pipelined responses come to their %s', async (event) => {
    let answerFirst = (): void => {};
    handle = (req, res) => {
      const id = String(req.params.id);
      res.on(event, () => change(id));
      if (id === '1') {
        answerFirst = () => res.send('1');
        return;
      }
      res.set('connection', id === '3' ? 'close' : 'keep-alive').send(id);
      if (id === '3') answerFirst();
    };
    const client = await RawClient.connect(app.url);
    client.send([1, 2, 3].map((id) => kept(`/items/${id}`, `u${id}`)).join(''));
    await client.end();
    const events = await eventsOf(app, 6);
    const changes = ofKind(events, 'change');
    expect(changes).toHaveLength(3);
    for (const { object, user, tenant, url } of changes) {
      const own = `u${object.id}`;
      expect({ user: user?.id, tenant, url }).toEqual({
        ...{ user: own, tenant: own },
        url: `http://shop.example/items/${object.id}`,
      });
    }
  });

  it('is its own when its client has left', async () => {
    handle = (req, res) => {
      res.on('close', () => change('response'));
      req.on('close', () => change('request'));
      res.write('begun');
    };
    const client = await RawClient.connect(app.url);
    client.send(kept('/items/7', 'ada'));
    await client.sees('begun');
    client.leave();
    const events = await eventsOf(app, 3);
    const [request] = ofKind(events, 'request');
    for (const id of ['response', 'request'])
      expect(byId(events, id)).toMatchObject({ commitId: request?.commitId, user: { id: 'ada' } });
  });

  it('is its own where a job or an event by hand is told within it', async () => {
    handle = async (_req, res) => {
      app.audit.record({ name: 'Told' });
      await app.audit.run({ user: 'bot', tenant: 'globex' }, () => {
        app.audit.record({ name: 'ToldByJob' });
        change('job');
      });
      res.send('ok');
    };
    await exchange(app.url, get('/items/7', ['X-User: ada', 'X-Request-Id: r-1']));
    const events = await eventsOf(app, 4);
    const { commitId, requestId } = ofKind(events, 'request')[0] as StoredEvent;
    expect(requestId).toBe('r-1');
    for (const event of events) expect(event).toMatchObject({ commitId, requestId });
    const [told, toldByJob] = ofKind(events, 'event').sort((a, b) => a.sequence - b.sequence);
    expect(told).toMatchObject({ name: 'Told', user: null, tenant: null });
    expect(toldByJob).toMatchObject({ name: 'ToldByJob', user: { id: 'bot' }, tenant: 'globex' });
    expect(byId(events, 'job')).toMatchObject({ user: { id: 'bot' }, tenant: 'globex' });
  });

  it('is delivered when the audit is flushed, while the request is open', async () => {
    let end: (() => void) | undefined;
    handle = (req, res) => {
      change('early');
      req.audit.user('late');
      end = () => {
        req.audit.change({ type: 'things', id: 'last', after: {} });
        res.send('ok');
      };
    };
    await app.audit.ready();
    const answer = exchange(app.url, get('/items/7', ['X-User: ada']));
    await waitFor('it is changed', () => end !== undefined);
    expect(await app.events()).toMatchObject([{ object: { id: 'early' }, user: { id: 'late' } }]);
    end?.();
    await answer;
    const events = await eventsOf(app, 3);
    expect(ofKind(events, 'request')).toMatchObject([{ changeCount: 2 }]);
    expect(new Set(events.map(({ commitId }) => commitId)).size).toBe(1);
  });

  it('takes nothing from the room of the event of the request, however often it is delivered', async () => {
    const body = { text: 'x'.repeat(7_000), list: Array.from({ length: 20 }, () => 'y'.repeat(1_000)) };
    handle = async (req, res) => {
      for (let i = 0; i < 40; i++) {
        change(String(i));
        await app.audit.flush();
      }
      req.audit.content(body);
      res.send('ok');
    };
    await exchange(app.url, get('/items/7', ['X-User: ada']));
    const events = await eventsOf(app, 41);
    expect(ofKind(events, 'request')).toMatchObject([{ content: body, truncated: [], changeCount: 40 }]);
    for (const { labels } of events) expect(labels).toEqual({ long: 'x'.repeat(2_000) });
  });

  it('keeps nothing of a request alive but what its changes are told', async () => {
    let request: WeakRef<object> | undefined;
    let response: WeakRef<object> | undefined;
    const pool: NodeJS.Timeout[] = [];
    const grow = (): number => pool.push(setInterval(() => {}, 60_000));
    handle = (req, res) => {
      request = new WeakRef(req);
      response = new WeakRef(res);
      change('early');
      grow();
      res.send('ok');
    };
    await exchange(app.url, get('/items/7', ['X-User: ada']));
    await eventsOf(app, 2);
    await waitFor('it is collected', () => {
      collectGarbage();
      return request?.deref() === undefined && response?.deref() === undefined;
    });
    for (const timer of pool) clearInterval(timer);
  });
});

describe('delivery', () => {
  it('is the work of no request', async () => {
    const tracer = new AsyncLocalStorage<string>();
    const connection = await createConnection(freshUri(), { monitorCommands: true }).asPromise();
    const seen = new Set<unknown>();
    const app = await startApp({
      options: { mongo: connection, ensureIndexes: false },
      build(app, audit) {
        app.use((_req, _res, next) => tracer.run('a request', next));
        app.use(audit.middleware());
        app.get('/', (_req, res) => res.send('ok'));
      },
    });
    try {
      connection.getClient().on('commandStarted', ({ commandName }) => {
        if (commandName === 'insert') seen.add(tracer.getStore() ?? 'nobody');
      });
      for (let i = 0; i < 3; i++) {
        await exchange(app.url, get('/'));
        await waitFor('it is stored', () => app.audit.stats().delivered > i);
      }
      expect([...seen]).toEqual(['nobody']);
    } finally {
      await app.close();
      await connection.close();
    }
  });
});
