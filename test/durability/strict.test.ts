import { mkdtemp, rm } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import express5, { type Express, type RequestHandler } from 'express';
import type { Connection } from 'mongoose';
import { type Mongod, startMongod } from '../../examples/mongod';
import type { Audit, AuditOptions, StoredEvent } from '../../lib/index';
import { type Gateway, startGateway } from '../delivery/gateway';
import { dbOf, look, until } from '../delivery/harness';
import { EXPRESSES, freshUri, startApp, type TestApp } from '../support/app';

const asAnn: RequestHandler = (req, _res, next) => {
  Object.assign(req, { user: { id: 'ann' } });
  next();
};
const json = (body: object): RequestInit => ({
  method: 'POST',
  body: JSON.stringify(body),
  headers: { 'content-type': 'application/json' },
});

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'strict-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const LEVELS = [
  ['in MongoDB', () => ({ strict: { at: 'mongo' } })],
  ['on the disk', () => ({ strict: { at: 'disk' }, spool: { directory, minFreeBytes: 0 } })],
] as const satisfies readonly (readonly [string, () => Partial<AuditOptions>])[];

/** An app at the level strict; each handler call is counted. */
async function start(
  express: typeof express5,
  options: Partial<AuditOptions>,
  mount?: (app: Express, audit: Audit, json: RequestHandler) => void,
): Promise<TestApp & { readonly handled: string[] }> {
  const handled: string[] = [];
  const app = await startApp({
    express,
    options: { durability: 'strict', ...options },
    build(server, audit) {
      if (mount === undefined) server.use(audit.middleware(), express.json(), asAnn);
      else mount(server, audit, express.json());
      server.all('/orders/:id', (req, res) => {
        handled.push(req.method);
        res.json({ ok: true, body: req.body ?? null });
      });
      server.post('/boom', () => {
        throw new Error('boom');
      });
    },
  });
  await app.audit.ready();
  return Object.assign(app, { handled });
}

async function pairOf(app: TestApp): Promise<readonly [StoredEvent, StoredEvent]> {
  const events = await app.events();
  const intent = events.find(({ status }) => status === 'intent');
  const outcome = events.find(({ status }) => status !== 'intent');
  expect(events).toHaveLength(2);
  if (intent === undefined || outcome === undefined) throw new Error('one of each was expected');
  return [intent, outcome];
}

describe.each(LEVELS)('an intent that has to be safe %s', (_level, level) => {
  let app: Awaited<ReturnType<typeof start>>;
  afterEach(() => app.close());

  describe.each(EXPRESSES)('on %s', (_name, express) => {
    it('comes before the handler, and has its outcome', async () => {
      app = await start(express, level());
      const response = await fetch(`${app.url}/orders/7`, json({ price: 5 }));
      expect(await response.json()).toEqual({ ok: true, body: { price: 5 } });
      const [intent, outcome] = await pairOf(app);
      expect(outcome).toMatchObject({ status: 'success', statusCode: 200, postData: { price: 5 } });
      expect(outcome).toMatchObject({ outcome: 'completed', user: { id: 'ann' } });
      expect(intent).toMatchObject({ commitId: outcome.uuid, statusCode: null, outcome: null });
      expect(intent.sequence).toBeLessThan(outcome.sequence);
    });

    it('holds the user and the body where it is written behind what knows them', async () => {
      app = await start(express, level(), (server, audit, parser) => {
        server.use(audit.middleware(), parser, asAnn, audit.intent());
      });
      await fetch(`${app.url}/orders/7`, json({ price: 5 }));
      const [intent] = await pairOf(app);
      expect(intent).toMatchObject({ user: { id: 'ann' }, postData: { price: 5 } });
    });

    it('leaves what a handler throws to the error handlers of the app', async () => {
      app = await start(express, level(), (server, audit, parser) => {
        server.use(audit.middleware(), parser);
      });
      app.app.use(((_error, _req, res, _next) => {
        res.status(500).json({ caught: true });
      }) as import('express').ErrorRequestHandler);
      const response = await fetch(`${app.url}/boom`, json({}));
      expect(await response.json()).toEqual({ caught: true });
      expect((await pairOf(app))[1]).toMatchObject({ statusCode: 500, status: 'failure' });
    });
  });

  it('is asked of unsafe methods only', async () => {
    app = await start(express5, level());
    for (const method of ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']) {
      await (await fetch(`${app.url}/orders/7`, { method })).arrayBuffer();
    }
    const events = await app.events();
    const intents = events.filter(({ status }) => status === 'intent').map(({ method }) => method);
    expect(intents.sort()).toEqual(['DELETE', 'PUT']);
    expect(events).toHaveLength(7);
  });

  it('is asked of the methods that are named, whatever their case', async () => {
    const { strict, ...rest } = level();
    app = await start(express5, { ...rest, strict: { ...strict, methods: ['get'] } });
    await (await fetch(`${app.url}/orders/7`)).arrayBuffer();
    await (await fetch(`${app.url}/orders/7`, json({}))).arrayBuffer();
    const events = await app.events();
    expect(events.filter(({ status }) => status === 'intent')).toMatchObject([{ method: 'GET' }]);
  });

  it('is written also where option intent says that none is wanted', async () => {
    app = await start(express5, { ...level(), intent: () => false });
    await (await fetch(`${app.url}/orders/7`, json({}))).arrayBuffer();
    await pairOf(app);
  });

  it('is not waited for where the request is left out of the trail', async () => {
    app = await start(express5, { ...level(), skip: () => true });
    expect((await fetch(`${app.url}/orders/7`, json({}))).status).toBe(200);
    expect(await app.events()).toEqual([]);
  });

  it('of a hundred requests at once is there for each', async () => {
    app = await start(express5, level());
    await Promise.all(
      Array.from({ length: 100 }, async (_x, i) => {
        const response = await fetch(`${app.url}/orders/${i}`, json({ i }));
        expect(await response.json()).toEqual({ ok: true, body: { i } });
      }),
    );
    const events = await app.events();
    const intents = events.filter(({ status }) => status === 'intent');
    expect(intents).toHaveLength(100);
    expect(new Set(intents.map(({ commitId }) => commitId))).toEqual(
      new Set(events.filter(({ status }) => status === 'success').map(({ uuid }) => uuid)),
    );
    expect(app.audit.stats()).toMatchObject({ state: 'healthy', rejected: 0 });
  });
});

describe('while MongoDB cannot make an intent safe', () => {
  let mongod: Mongod;
  let gateway: Gateway;
  let app: Awaited<ReturnType<typeof start>>;
  let direct: Connection;

  beforeEach(async () => {
    mongod = await startMongod({ dbPath: directory });
    gateway = await startGateway(mongod.port);
    const uri = new URL(freshUri(mongod.uri));
    direct = await look(uri.toString());
    uri.port = String(gateway.port);
    app = await start(express5, { mongo: uri.toString(), strict: { at: 'mongo', timeoutMs: 200 } });
  });
  afterEach(async () => {
    gateway.thaw();
    await app.close();
    await direct.close();
    gateway.close();
    await mongod.stop();
  });

  it('the majority has it when the handler runs', async () => {
    const seen: unknown[] = [];
    app.app.post('/look', async (req, res) => {
      seen.push(await dbOf(direct).collection('auditevents').countDocuments({ status: 'intent' }));
      res.json({ id: req.audit.id });
    });
    await (await fetch(`${app.url}/look`, json({}))).arrayBuffer();
    expect(seen).toEqual([1]);
  });

  it('answers 503 with Retry-After, runs no handler, and lets requests in again by itself', async () => {
    gateway.freeze();
    const response = await fetch(`${app.url}/orders/7`, json({ price: 5 }));
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('1');
    expect(response.headers.get('x-audit-id')).toMatch(/^[0-9a-f-]{36}$/);
    expect(await response.json()).toMatchObject({ error: 'AUDIT_UNAVAILABLE' });
    expect(app.handled).toEqual([]);
    expect((await fetch(`${app.url}/orders/7`)).status).toBe(200);
    expect(app.handled).toEqual(['GET']);
    expect(app.audit.stats()).toMatchObject({ state: 'rejecting', rejected: 1 });

    gateway.thaw();
    await until(async () => (await fetch(`${app.url}/orders/8`, json({}))).status === 200);
    const events = await app.events();
    const refused = events.find(({ uuid }) => uuid === response.headers.get('x-audit-id'));
    expect(refused).toMatchObject({ status: 'failure', statusCode: 503, object: expect.anything() });
    expect(app.audit.stats().state).toBe('healthy');
  });

  it('goes on when the client does not wait for it', async () => {
    gateway.freeze();
    const { port } = new URL(app.url);
    const socket = createConnection(Number(port), '127.0.0.1');
    socket.on('error', () => {});
    socket.write('POST /orders/7 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n');
    await until(() => app.audit.stats().captured === 1);
    socket.destroy();
    await until(() => app.audit.stats().captured === 2);
    gateway.thaw();
    const [, outcome] = await pairOf(app);
    expect(outcome).toMatchObject({ outcome: 'aborted', statusCode: null });
    expect(app.handled).toEqual([]);
  });

  it('is rejecting where an outcome could not be kept, until one can', async () => {
    await mongod.stop();
    await until(() => app.audit.stats().state === 'rejecting');
    expect((await fetch(`${app.url}/orders/7`, json({}))).status).toBe(503);
    expect(app.handled).toEqual([]);
    mongod = await startMongod({ dbPath: directory, port: mongod.port });
    await until(() => app.audit.stats().state === 'healthy');
    expect((await fetch(`${app.url}/orders/7`, json({}))).status).toBe(200);
  });
});

it.each([
  ['strict', {}],
  ['strict', { strict: { at: 'disk' } }],
  ['spool', {}],
] as const)('level %s with %j needs a directory, and says so', (durability, options) => {
  const create = () => startApp({ options: { durability, ...options }, build: () => {} });
  return expect(create()).rejects.toThrow(/Option 'spool.directory' is missing/);
});
