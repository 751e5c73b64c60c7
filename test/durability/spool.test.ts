import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Express } from 'express';
import { type Audit, type AuditOptions, type KeptEvent, readSpool, type StoredEvent } from '../../lib/index';
import { startGateway } from '../delivery/gateway';
import { closeAudits, expectBalance, startAudit, until } from '../delivery/harness';
import { allEvents, EXPRESSES, freshUri, startApp, type TestApp } from '../support/app';

const NOWHERE = 'mongodb://127.0.0.1:9/none?serverSelectionTimeoutMS=200';

let directory: string;
let apps: TestApp[];
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'spool-'));
  apps = [];
});
afterEach(async () => {
  // most of them have no MongoDB: what is left to them is in files
  await Promise.all(apps.map(({ audit }) => audit.close({ deadlineMs: 10 })));
  await Promise.all(apps.map((app) => app.close()));
  await closeAudits();
  await rm(directory, { recursive: true, force: true });
});

function atSpool(options: Partial<AuditOptions> = {}): Partial<AuditOptions> {
  return { durability: 'spool', spool: { directory, minFreeBytes: 0 }, ...options };
}

async function start(
  options: Partial<AuditOptions>,
  build: (app: Express, audit: Audit) => void,
  express = EXPRESSES[1]?.[1],
): Promise<TestApp> {
  const app = await startApp({
    ...(express && { express }),
    options: atSpool(options),
    build(server, audit) {
      server.use(audit.middleware());
      build(server, audit);
    },
  });
  apps.push(app);
  return app;
}

/** What is in the files, oldest first. */
async function spooled(where = directory): Promise<readonly { state: string; event: KeptEvent }[]> {
  const found = [];
  for (const process of await readSpool(where)) {
    for await (const { state, event } of process.events()) found.push({ state, event });
  }
  return found;
}

/** What the next process finds if this one dies now: a copy of its files, without the socket that it holds. */
async function crash(): Promise<string> {
  const copy = await mkdtemp(join(tmpdir(), 'crash-'));
  await cp(directory, copy, { recursive: true, filter: (path) => !path.endsWith('.sock') });
  return copy;
}

/** What an audit that starts on such a copy stores. */
async function recover(copy: string, uri = freshUri()): Promise<readonly StoredEvent[]> {
  const { audit } = startAudit({ ...atSpool(), mongo: uri, spool: { directory: copy, minFreeBytes: 0 } });
  await until(
    async () =>
      (await readdir(copy)).every((name) => !/^[0-9a-f-]{36}\./.test(name)) || audit.stats().delivered > 0,
  );
  await until(() => audit.stats().pending === 0);
  const events = await allEvents(audit);
  expectBalance(audit);
  await audit.close();
  await rm(copy, { recursive: true, force: true });
  return events;
}

async function once(stream: ReadableStream<Uint8Array> | null): Promise<void> {
  await stream?.getReader().read();
}

describe.each(EXPRESSES)('at level spool on %s', (_, express) => {
  it('a request is in a file before the first byte of its response, and whole after its end', async () => {
    const app = await start(
      { mongo: NOWHERE },
      (server) => {
        server.get('/stream/:id', (_req, res) => {
          res.write('first');
        });
        server.get('/short', (_req, res) => {
          res.json({ ok: true });
        });
      },
      express,
    );
    const response = await fetch(`${app.url}/stream/7`, { headers: { 'x-request-id': 'early' } });
    await once(response.body);
    const [open] = await spooled();
    expect(open?.state).toBe('open');
    expect(open?.event).toMatchObject({ requestId: 'early', statusCode: 200, outcome: 'unknown' });
    expect(open?.event).toMatchObject({ status: 'success', durationMs: null, route: '/stream/:id' });

    await (await fetch(`${app.url}/short`)).arrayBuffer();
    await until(async () => (await spooled()).some(({ state }) => state === 'completed'));
    const ended = (await spooled()).find(({ state }) => state === 'completed');
    expect(ended?.event).toMatchObject({ outcome: 'completed', durationMs: expect.any(Number) });
  });

  it('is recovered after a crash: what was over whole, what was not as far as it was known', async () => {
    const app = await start(
      { mongo: NOWHERE },
      (server) => {
        server.get('/stream', (_req, res) => {
          res.write('first');
        });
        server.get('/short/:id', (_req, res) => {
          res.json({ ok: true });
        });
        server.delete('/never/:id', () => {});
      },
      express,
    );
    for (let i = 0; i < 5; i++) await (await fetch(`${app.url}/short/${i}`)).arrayBuffer();
    await once((await fetch(`${app.url}/stream`)).body);
    await until(async () => (await spooled()).filter(({ state }) => state === 'completed').length === 5);
    const copy = await crash();
    const events = await recover(copy);
    expect(events.map(({ name }) => name).sort()).toEqual([
      'GET /short/:id',
      'GET /short/:id',
      'GET /short/:id',
      'GET /short/:id',
      'GET /short/:id',
      'GET /stream',
    ]);
    for (const { name, outcome, durationMs } of events) {
      const isOver = name !== 'GET /stream';
      expect(outcome).toBe(isOver ? 'completed' : 'unknown');
      expect(durationMs === null).toBe(!isOver);
    }
    expect(events.map(({ sequence }) => sequence).sort()).toEqual([1, 2, 3, 4, 5, 6]);
    expect(new Set(events.map(({ writer }) => writer)).size).toBe(1);
  });
});

describe('at level spool', () => {
  it('an intent whose handler was cut off has an outcome: a failure, unknown, under its commitId', async () => {
    const app = await start({ mongo: NOWHERE, intent: () => true }, (server) => {
      server.delete('/never/:id', () => {});
    });
    fetch(`${app.url}/never/7`, { method: 'DELETE' }).catch(() => {});
    await until(async () => (await spooled()).length === 2);
    const events = await recover(await crash());
    const intent = events.find(({ status }) => status === 'intent');
    const outcome = events.find(({ status }) => status !== 'intent');
    expect(outcome).toMatchObject({ uuid: intent?.commitId, status: 'failure', outcome: 'unknown' });
    expect(outcome).toMatchObject({ method: 'DELETE', statusCode: null, sequence: 2 });
    expect(events).toHaveLength(2);
  });

  it('what does not fit into memory waits in files, and is stored when MongoDB is there', async () => {
    const uri = freshUri();
    const limits = { maxQueueEvents: 10 };
    const { audit } = startAudit({ ...atSpool({ limits }), mongo: NOWHERE });
    for (let i = 0; i < 300; i++) audit.record({ name: 'Noted', content: { i } });
    expectBalance(audit);
    expect(audit.stats()).toMatchObject({ captured: 300, pending: 300, dropped: 0, state: 'degraded' });
    await audit.close({ deadlineMs: 50 });
    expect(audit.stats()).toMatchObject({ pending: 300, dropped: 0 });
    expectBalance(audit);

    const next = startAudit({ ...atSpool(), mongo: uri });
    await until(() => next.audit.stats().delivered === 300);
    const events = await allEvents(next.audit);
    const seen = events.map(({ content }) => (content as { i: number }).i);
    expect(seen.sort((a, b) => a - b)).toEqual(Array.from({ length: 300 }, (_x, i) => i));
    expect(new Set(events.map(({ sequence }) => sequence)).size).toBe(300);
    await next.audit.close();
    expectBalance(next.audit);
    expect(await readdir(directory)).toEqual([]);
  });

  it('what was spilled is stored by the process itself', async () => {
    const uri = new URL(freshUri());
    const gateway = await startGateway(Number(uri.port));
    gateway.freeze();
    uri.port = String(gateway.port);
    const { audit } = startAudit({ ...atSpool({ limits: { maxQueueEvents: 10 } }), mongo: uri.toString() });
    for (let i = 0; i < 200; i++) audit.record({ name: 'Noted', content: { i } });
    gateway.thaw();
    await until(() => audit.stats().pending === 0);
    expect(audit.stats()).toMatchObject({ delivered: 200, dropped: 0, state: 'healthy' });
    expect(await allEvents(audit)).toHaveLength(200);
    await audit.close();
    gateway.close();
  });

  it('a change of a request that goes on is in a file, in the name of who is known by then', async () => {
    const app = await start({ mongo: NOWHERE, tenant: () => 'acme' }, (server) => {
      server.get('/slow', (req, res) => {
        req.audit.user('ann').change({ type: 'items', id: 1, before: { price: 1 }, after: { price: 2 } });
        res.write('first');
      });
    });
    await once((await fetch(`${app.url}/slow`)).body);
    const events = await recover(await crash());
    const change = events.find(({ kind }) => kind === 'change');
    const request = events.find(({ kind }) => kind === 'request');
    expect(change).toMatchObject({ user: { id: 'ann' }, tenant: 'acme', commitId: request?.uuid });
    expect(change?.diff).toMatchObject([{ kind: 'E', path: ['price'], lhs: 1, rhs: 2 }]);
    expect(events).toHaveLength(2);
  });

  it('a change carries the user that its request has in the end', async () => {
    const app = await start({}, (server) => {
      server.get('/login', (req, res) => {
        req.audit.change({ type: 'items', id: 1, after: { price: 2 } });
        req.audit.user('ann');
        res.json({});
      });
    });
    await (await fetch(`${app.url}/login`)).arrayBuffer();
    expect(await app.events()).toMatchObject([{ user: { id: 'ann' } }, { user: { id: 'ann' } }]);
  });

  it('leaves out what is skipped by the time that the headers leave, and says that later is too late', async () => {
    const app = await start({ skip: (req) => req.path === '/health' }, (server) => {
      server.get('/health', (_req, res) => {
        res.json({});
      });
      server.get('/early', (req, res) => {
        req.audit.skip();
        res.json({});
      });
      server.get('/late', (req, res) => {
        res.write('first');
        req.audit.skip();
        res.end();
      });
    });
    for (const path of ['/health', '/early', '/late']) await (await fetch(app.url + path)).arrayBuffer();
    expect((await app.events()).map(({ route }) => route)).toEqual(['/late']);
    expect(app.errors).toMatchObject([{ code: 'AUDIT_LATE_CALL' }]);
  });

  it('masks before anything reaches a file', async () => {
    const app = await start({ mongo: NOWHERE }, (server) => {
      server.get('/items', (req, res) => {
        req.audit
          .content({ password: 'canary-1' })
          .user('canary-2=eyJhbGciOiJIUzI1NiJ9.eyJhIjoxfQ.sig12345678');
        res.write('first');
      });
    });
    await once((await fetch(`${app.url}/items?access_token=canary-3`)).body);
    const text = JSON.stringify(await spooled());
    expect(text).toContain('/items');
    expect(text).not.toMatch(/canary-[13]|eyJhbGci/);
  });

  it('of two audits in one directory, each stores its own', async () => {
    const [one, other] = [startAudit(atSpool()), startAudit(atSpool())];
    one.audit.record({ name: 'One' });
    other.audit.record({ name: 'Other' });
    expect((await allEvents(one.audit)).map(({ name }) => name)).toEqual(['One']);
    expect((await allEvents(other.audit)).map(({ name }) => name)).toEqual(['Other']);
    await Promise.all([one.audit.close(), other.audit.close()]);
    expect(await readdir(directory)).toEqual([]);
  });

  it('a directory whose path is too long for a socket is refused, by name', () => {
    const spool = { directory: join(directory, 'x'.repeat(100)) };
    expect(() => startAudit({ durability: 'spool', spool })).toThrow(/spool\.directory/);
  });
});
