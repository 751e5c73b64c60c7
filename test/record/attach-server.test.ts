import { randomBytes } from 'node:crypto';
import { hasSubscribers } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { type IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { type AddressInfo, createServer as createNetServer, type Socket } from 'node:net';
import { startApp, type TestApp } from '../support/app';
import { exchange, RawClient } from './raw-client';
import { eventsOf, nextEvent, waitFor } from './wait';

const GARBAGE = 'GARBAGE \x01\r\n\r\n';
const GOOD = 'GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
const UPGRADE = 'GET /live HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: demo\r\n\r\n';
const SWITCHED = 'HTTP/1.1 101 Switching Protocols\r\n\r\n';
const EVENTS = ['upgrade', 'connect', 'clientError', 'request', 'connection', 'close'];

type Emit = (this: unknown, ...args: unknown[]) => boolean;

let app: TestApp;
beforeEach(async () => {
  app = await startApp({
    options: { ensureIndexes: false },
    build(app, audit) {
      app.use(audit.middleware());
      app.get('/hello', (_req, res) => void res.send('hello'));
      app.get('/live', (_req, res) => void res.send('plain'));
    },
  });
});
afterEach(() => app.close());

function listenerCounts(): number[] {
  return EVENTS.map((name) => app.server.listenerCount(name));
}

describe('an attached server', () => {
  it('answers as before, byte for byte, and has no more listeners', async () => {
    const counts = listenerCounts();
    const before = await exchange(app.url, GARBAGE);
    app.audit.attach(app.server);
    expect(await exchange(app.url, GARBAGE)).toBe(before);
    expect(await exchange(app.url, UPGRADE.replace('Upgrade\r\n', 'close, Upgrade\r\n'))).toContain('plain');
    expect(listenerCounts()).toEqual(counts);
    await eventsOf(app, 2);
  });

  it('records once, however often it is attached, until it is detached as often', async () => {
    const [first, second] = [app.audit.attach(app.server), app.audit.attach(app.server)];
    await exchange(app.url, GARBAGE);
    await eventsOf(app, 1);
    first();
    first();
    await exchange(app.url, GARBAGE);
    await eventsOf(app, 2);
    second();
    expect(Object.keys(Object.getOwnPropertyDescriptors(app.server))).not.toContain('emit');
    await exchange(app.url, GARBAGE);
    app.audit.attach(app.server);
    await exchange(app.url, GARBAGE);
    await eventsOf(app, 3);
  });

  it('is heard of by no channel of the process any more once it is closed, or detached', async () => {
    const channels = ['http.server.request.start', 'http.server.response.finish'];
    const heard = (): boolean => channels.some((name) => hasSubscribers(name));
    const detach = app.audit.attach(app.server);
    expect(heard()).toBe(true);
    detach();
    expect(heard()).toBe(false);
    app.audit.attach(app.server);
    app.server.close();
    await once(app.server, 'close');
    expect(heard()).toBe(false);
    app.server.listen(0, '127.0.0.1');
    await once(app.server, 'listening');
    expect(heard()).toBe(true);
    detach();
  });

  it('leaves requests alone that were on their way when it was attached', async () => {
    app.app.get('/attaching', (_req, res) => {
      app.audit.attach(app.server);
      res.send('late');
    });
    await fetch(`${app.url}/attaching`);
    await exchange(app.url, GARBAGE);
    const events = await eventsOf(app, 2);
    expect(events.map(({ name }) => name)).toEqual(['GET /attaching', 'malformed request']);
  });

  it('leaves whoever wrapped `emit` before and after it in place', async () => {
    const seen: string[] = [];
    const wrap = (name: string): void => {
      const original = app.server.emit as Emit;
      app.server.emit = function (this: unknown, ...args: unknown[]) {
        if (args[0] === 'clientError') seen.push(name);
        return Reflect.apply(original, this, args);
      } as typeof app.server.emit;
    };
    wrap('before');
    const before = app.server.emit;
    const detach = app.audit.attach(app.server);
    wrap('after');
    await exchange(app.url, GARBAGE);
    detach();
    await exchange(app.url, GARBAGE);
    expect(seen).toEqual(['after', 'before', 'after', 'before']);
    await eventsOf(app, 1);
    expect(app.server.emit).not.toBe(before);
  });

  it('gives back the wrapper that it found', () => {
    const own = app.server.emit.bind(app.server);
    app.server.emit = own;
    app.audit.attach(app.server)();
    expect(app.server.emit).toBe(own);
  });

  it('lets a listener answer a malformed request, at once or later, and records its status', async () => {
    app.audit.attach(app.server);
    app.server.once('clientError', (_error, socket: Socket) => socket.end('HTTP/1.1 418 Teapot\r\n\r\n'));
    const atOnce = await nextEvent(app, () => exchange(app.url, GARBAGE));
    app.server.once('clientError', (_error, socket: Socket) => {
      setImmediate(() => socket.end('HTTP/1.1 422 Later\r\n\r\n'));
    });
    const later = await nextEvent(app, () => exchange(app.url, GARBAGE));
    app.server.once('clientError', (_error, socket: Socket) => socket.destroy());
    const never = await nextEvent(app, () => exchange(app.url, GARBAGE));
    expect([atOnce, later, never].map(({ statusCode, outcome }) => [statusCode, outcome])).toEqual([
      [418, 'completed'],
      [422, 'completed'],
      [null, 'aborted'],
    ]);
  });

  it('records once what is broken, however much follows on a connection that a listener leaves open', async () => {
    app.audit.attach(app.server);
    let times = 0;
    app.server.on('clientError', (_error, socket: Socket) => {
      times += 1;
      socket.write('HTTP/1.1 400 Bad Request\r\n\r\n');
    });
    const client = await RawClient.connect(app.url);
    client.send(GARBAGE);
    await client.sees(' 400 ');
    client.send(GARBAGE);
    await waitFor('the listener hears of it again', () => times === 2);
    expect(await eventsOf(app, 1)).toMatchObject([{ name: 'malformed request', statusCode: 400 }]);
    client.leave();
  });

  it('does not wait for the answer to garbage where earlier answers are due, and nobody gives one', async () => {
    app.audit.attach(app.server);
    app.app.get('/held', () => {});
    app.server.on('clientError', () => {});
    const client = await RawClient.connect(app.url);
    const event = await nextEvent(app, () => client.send(`${GOOD.replace('hello', 'held')}${GARBAGE}`));
    expect(event).toMatchObject({ name: 'malformed request', statusCode: null });
    client.leave();
  });

  it('takes no reset of a connection for a request', async () => {
    app.audit.attach(app.server);
    const codes: unknown[] = [];
    const sockets: Socket[] = [];
    app.server.on('connection', (socket: Socket) => sockets.push(socket));
    app.server.on('clientError', ({ code }: NodeJS.ErrnoException, socket: Socket) => {
      codes.push(code);
      socket.destroy();
    });
    const client = await RawClient.connect(app.url);
    client.send('GET /hal');
    await waitFor('a part of a request arrives', () => sockets[0]?.bytesRead === 8);
    client.leave();
    await waitFor('the connection is reset', () => codes.length === 1);
    await exchange(app.url, GARBAGE);
    await eventsOf(app, 1);
    expect(codes).toEqual(['ECONNRESET', expect.stringMatching(/^HPE_/)]);
  });

  it('passes on what emit returns, and what a listener throws', () => {
    const detach = app.audit.attach(app.server);
    expect(app.server.emit('nothing')).toBe(false);
    app.server.on('something', () => {});
    expect(app.server.emit('something')).toBe(true);
    app.server.on('wrong', () => {
      throw new RangeError('by the listener');
    });
    expect(() => app.server.emit('wrong')).toThrow(RangeError);
    expect(() => app.server.emit('upgrade')).not.toThrow();
    expect(() => app.server.emit('clientError', null, null)).not.toThrow();
    expect(app.errors).toEqual([expect.objectContaining({ code: 'AUDIT_CAPTURE_FAILED' })]);
    detach();
  });

  it('records one event when a listener hands the upgrade to the app as well', async () => {
    app.audit.attach(app.server);
    app.server.on('upgrade', (req: IncomingMessage, socket: Socket) => {
      socket.on('error', () => {});
      socket.write(SWITCHED);
      app.app(req as Parameters<typeof app.app>[0], new ServerResponse(req) as never);
      socket.end();
    });
    const switched = await nextEvent(app, () => exchange(app.url, UPGRADE));
    expect(switched).toMatchObject({ outcome: 'upgraded', statusCode: 101 });
    await exchange(app.url, GARBAGE);
    await eventsOf(app, 2);
  });

  it('records one event when a listener lets the app refuse the upgrade', async () => {
    app.audit.attach(app.server);
    app.server.on('upgrade', (req: IncomingMessage, socket: Socket) => {
      const res = new ServerResponse(req);
      res.assignSocket(socket);
      res.on('finish', () => socket.end());
      app.app(req as Parameters<typeof app.app>[0], res as never);
    });
    const refused = await nextEvent(app, () => exchange(app.url, UPGRADE));
    expect(refused).toMatchObject({ name: 'GET /live', outcome: 'completed', statusCode: 200 });
    await exchange(app.url, GARBAGE);
    await eventsOf(app, 2);
  });

  it('costs a field, and no event, where an option cannot deal with a request of Node', async () => {
    const other = await startApp({
      options: { ensureIndexes: false, tenant: (req) => req.get('X-Tenant') },
      build() {},
    });
    other.audit.attach(other.server);
    other.server.on('upgrade', (_req, socket: Socket) => socket.end(SWITCHED));
    const event = await nextEvent(other, () => exchange(other.url, UPGRADE));
    expect(event).toMatchObject({ tenant: null, statusCode: 101 });
    expect(other.errors).toEqual([expect.objectContaining({ code: 'AUDIT_CALLBACK_FAILED' })]);
    await other.close();
  });

  it('is bounded by the queue under a flood of malformed requests', async () => {
    const down = await startApp({
      options: { mongo: 'mongodb://127.0.0.1:9', limits: { maxQueueEvents: 10 }, onDrop: () => {} },
      build() {},
    });
    down.audit.attach(down.server);
    for (let i = 0; i < 30; i++) await exchange(down.url, GARBAGE);
    const { captured, pending, dropped } = down.audit.stats();
    expect(captured).toBe(30);
    expect(pending).toBeLessThanOrEqual(10);
    expect(pending + dropped).toBe(30);
    down.server.close();
    await down.audit.close({ deadlineMs: 1 });
  });

  it('may speak TLS: its upgrades and malformed requests are recorded, its handshakes are not', async () => {
    const psk = randomBytes(32);
    const server = createServer({ ciphers: 'PSK', maxVersion: 'TLSv1.2', pskCallback: () => psk }, app.app);
    app.audit.attach(server);
    server.on('upgrade', (_req, socket: Socket) => socket.end(SWITCHED));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await exchange(url, GARBAGE);
    const secure = async (bytes: string): Promise<void> => {
      const client = await RawClient.secure(url, psk);
      client.send(bytes);
      await client.end();
    };
    await secure(GOOD);
    await secure(UPGRADE.replace('Host: a', 'Host: a\r\nX-Forwarded-Proto: http'));
    await secure(GARBAGE);
    const events = await eventsOf(app, 3);
    expect(events.map(({ name, statusCode, url }) => [name, statusCode, url])).toEqual([
      ['GET /hello', 200, 'https://a/hello'],
      ['GET (upgrade)', 101, 'https://a/live'],
      ['malformed request', 400, null],
    ]);
    server.close();
  });
});

describe('audit.attach', () => {
  it.each([
    ['the app', () => app.app],
    ['a server of another protocol', () => createNetServer()],
    ['nothing', () => undefined],
    ['null', () => null],
  ])('refuses %s, and says what to give', (_, value) => {
    const attach = app.audit.attach as (server: unknown) => void;
    expect(() => attach(value())).toThrow(TypeError);
    expect(() => attach(value())).toThrow(/audit\.attach: .*app\.listen\(\)/);
  });
});
