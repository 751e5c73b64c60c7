import type { Socket } from 'node:net';
import { EXPRESSES, startApp, type TestApp } from '../support/app';
import { get, RawClient } from './raw-client';
import { eventsOf, nextEvent, waitFor } from './wait';

const HELLO = 'GET /hello HTTP/1.1\r\nHost: shop.example\r\n\r\n';

function listenersOf(socket: Socket): number {
  return socket.eventNames().reduce((sum, name) => sum + socket.listenerCount(name), 0);
}

async function seesTimes(client: RawClient, text: string, times: number): Promise<void> {
  for (let i = 0; i < times; i++) await client.sees(text);
}

describe.each(EXPRESSES)('one connection on %s', (_, express) => {
  let app: TestApp;
  let sockets: Socket[];
  let listeners: number[];
  /** Answers of held requests, in the order of their arrival. */
  let held: (() => void)[];

  beforeEach(async () => {
    sockets = [];
    listeners = [];
    held = [];
    app = await startApp({
      express,
      options: { ensureIndexes: false },
      build(app, audit) {
        app.use((req, _res, next) => {
          sockets.push(req.socket);
          next();
        });
        app.get('/unaudited', (_req, res) => void res.send('unaudited'.repeat(50)));
        app.use(audit.middleware());
        app.get('/hello', (req, res) => {
          listeners.push(listenersOf(req.socket));
          res.send('hello');
        });
        app.get('/held', (_req, res) => void held.push(() => res.send('held')));
      },
    });
  });
  afterEach(() => app.close());

  it('carries 1,000 requests, one event each, and gathers no listeners', async () => {
    const client = await RawClient.connect(app.url);
    for (let i = 1; i <= 1_000; i++) {
      client.send(HELLO);
      await client.sees('hello');
    }
    const events = await eventsOf(app, 1_000);
    expect(new Set(sockets).size).toBe(1);
    expect(new Set(listeners).size).toBe(1);
    expect(new Set(events.map(({ uuid }) => uuid)).size).toBe(1_000);
    const responseBytes = client.text().length / 1_000;
    const wrong = events.filter((event) => event.responseBytes !== responseBytes);
    expect(wrong).toEqual([]);
    client.leave();
  });

  it('carries 50 pipelined requests, one event each, whose bytes are not told apart', async () => {
    const client = await RawClient.connect(app.url);
    client.send(HELLO.repeat(50));
    await seesTimes(client, 'hello', 50);
    const events = await eventsOf(app, 50);
    expect(events.every(({ outcome, statusCode }) => outcome === 'completed' && statusCode === 200)).toBe(
      true,
    );
    expect(events.map(({ responseBytes }) => responseBytes)).toEqual(events.map(() => null));
    expect(Math.max(...listeners) - Math.min(...listeners)).toBeLessThanOrEqual(1);
    client.leave();
  });

  it('tells the bytes again once it is no longer pipelined', async () => {
    const client = await RawClient.connect(app.url);
    client.send(HELLO.repeat(2));
    await seesTimes(client, 'hello', 2);
    await eventsOf(app, 2);
    const before = client.text().length;
    client.send(HELLO);
    await client.sees('hello');
    const event = (await eventsOf(app, 3)).at(-1);
    expect(event?.responseBytes).toBe(client.text().length - before);
    client.leave();
  });

  it.each([
    ['behind', ['/unaudited', '/hello'], null],
    ['in front of', ['/hello', '/unaudited'], 'exact'],
  ])('never counts bytes of a pipelined answer that is not audited: %s it', async (_case, targets, bytes) => {
    const client = await RawClient.connect(app.url);
    const event = await nextEvent(app, async () => {
      client.send(targets.map((target) => HELLO.replace('/hello', target)).join(''));
      for (const target of targets) await client.sees(`\r\n\r\n${target.slice(1)}`);
    });
    const first = client.text().indexOf('HTTP/1.1 200', 1);
    expect(event.responseBytes).toBe(bytes === null ? null : first);
    client.leave();
  });

  it('that breaks off aborts every pipelined request, those whose turn never came too', async () => {
    const client = await RawClient.connect(app.url);
    client.send(get('/held').replace('close', 'keep-alive').repeat(3));
    await waitFor('the requests arrive', () => held.length === 3);
    held[1]?.();
    client.leave();
    const events = await eventsOf(app, 3);
    const ends = events.map(({ outcome, statusCode }) => ({ outcome, statusCode }));
    expect(ends).toEqual(Array(3).fill({ outcome: 'aborted', statusCode: null }));
  });
});
