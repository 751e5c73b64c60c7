import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import type { AuditOptions } from '../../lib/index';
import { expectBalance, until } from '../delivery/harness';
import { createFaultyFs, errorOf, type FaultyFs } from '../spool/spool-parts';
import { startApp, type TestApp } from '../support/app';

let directory: string;
let fs: FaultyFs;
let app: TestApp;
let handled: string[];
/** What a handler does before it answers. */
let duringHandler: () => void;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'strict-'));
  fs = createFaultyFs();
  handled = [];
  duringHandler = () => {};
});
afterEach(async () => {
  fs.fault = null;
  await app.close();
  await rm(directory, { recursive: true, force: true });
});

async function start(options: Partial<AuditOptions> = {}): Promise<void> {
  app = await startApp({
    options: { durability: 'strict', ...options, spool: { directory, minFreeBytes: 0, fs } },
    build(server, audit) {
      server.use('/healthz', audit.health());
      server.use(audit.middleware());
      server.all('/orders/:id', (req, res) => {
        handled.push(`${req.method} ${req.params.id}`);
        duringHandler();
        res.json({ ok: true });
      });
    },
  });
  await app.audit.ready();
}

function failing(...calls: string[]): NonNullable<FaultyFs['fault']> {
  return (name) => (calls.includes(name) ? errorOf('EIO') : null);
}

const post = (id: number | string): Promise<Response> => fetch(`${app.url}/orders/${id}`, { method: 'POST' });
const health = (): Promise<Response> => fetch(`${app.url}/healthz`);

async function expectRefusal(response: Response): Promise<void> {
  expect(response.status).toBe(503);
  expect(response.headers.get('retry-after')).toBe('1');
  expect(await response.json()).toMatchObject({ error: 'AUDIT_UNAVAILABLE' });
}

/** Asks until a request is let in: how many were refused until then. */
async function refusalsUntilLetIn(): Promise<number> {
  let refusals = -1;
  await until(async () => {
    refusals += 1;
    return (await post('again')).status === 200;
  });
  return refusals;
}

describe('at strict on a disk that fails', () => {
  it('no unsafe request is let in, health checks and metrics say so, and it ends by itself', async () => {
    await start();
    const register = new Registry();
    app.audit.metrics({ register });
    expect((await post(1)).status).toBe(200);
    expect((await health()).status).toBe(200);

    fs.fault = failing('openSync', 'writeSync', 'ftruncateSync');
    await expectRefusal(await post(2));
    await expectRefusal(await post(3));
    expect(handled).toEqual(['POST 1']);
    const unfit = await health();
    expect(unfit.status).toBe(503);
    expect(await unfit.json()).toMatchObject({ state: 'rejecting', rejected: 2, connected: true });
    const text = await register.metrics();
    expect(text).toContain('\nexpress_audit_events_rejected_total 2\n');
    expect(text).toContain('\nexpress_audit_events_state{state="rejecting"} 1\n');
    expect(text).toContain('\nexpress_audit_events_state{state="healthy"} 0\n');
    expect(text).toMatch(/\nexpress_audit_events_spool_bytes \d+\n/);

    expect((await fetch(`${app.url}/orders/4`)).status).toBe(200);
    expect(handled).toEqual(['POST 1', 'GET 4']);
    expect(app.errors).toContainEqual(expect.objectContaining({ code: 'AUDIT_SPOOL_FAILED' }));

    fs.fault = null;
    const refusals = await refusalsUntilLetIn();
    expect((await health()).status).toBe(200);
    const events = await app.events();
    const refused = events.filter(({ statusCode }) => statusCode === 503);
    expect(refused).toHaveLength(2 + refusals);
    for (const event of refused) expect(event).toMatchObject({ status: 'failure', outcome: 'completed' });
    const answered = events.filter(({ statusCode }) => statusCode === 200);
    expect(answered.map(({ method }) => method).sort()).toEqual(['GET', 'POST', 'POST']);
    const intents = events.filter(({ status }) => status === 'intent').map(({ commitId }) => commitId);
    for (const { method, uuid } of answered) expect(intents.includes(uuid)).toBe(method === 'POST');
    expect(app.audit.stats()).toMatchObject({ state: 'healthy', dropped: 0, rejected: 2 + refusals });
    expectBalance(app.audit);
  });

  it('an intent whose outcome could not be kept lets no request in', async () => {
    await start();
    expect((await post(1)).status).toBe(200);
    await app.audit.flush();
    let writes = 0;
    fs.fault = (name) => {
      if (name === 'writeSync') writes += 1;
      // the intent is written, what becomes of it is not
      return name === 'writeSync' && writes === 2 ? errorOf('EIO') : null;
    };
    await expectRefusal(await post(2));
    fs.fault = null;
    expect(handled).toEqual(['POST 1']);
    await refusalsUntilLetIn();
  });

  it('an intent that is written but not synced is no intent', async () => {
    await start();
    fs.fault = failing('fdatasync');
    await expectRefusal(await post(1));
    fs.fault = null;
    await refusalsUntilLetIn();
    expect(handled).toEqual(['POST again']);
    expect(await app.events()).toContainEqual(
      expect.objectContaining({ statusCode: 503, status: 'failure', outcome: 'completed' }),
    );
  });

  it('a request whose outcome cannot be kept is answered, and the next one is refused until one can', async () => {
    await start();
    duringHandler = () => {
      fs.fault = failing('openSync', 'writeSync', 'ftruncateSync');
    };
    expect((await post(1)).status).toBe(200);
    await expectRefusal(await post(2));
    duringHandler = () => {};
    fs.fault = null;
    await refusalsUntilLetIn();
    expect(handled).toEqual(['POST 1', 'POST again']);
    const outcome = (await app.events()).find(({ status }) => status === 'success');
    expect(outcome).toMatchObject({ outcome: 'completed', statusCode: 200 });
  });

  it('is waited for no longer than strict.timeoutMs', async () => {
    const held: (() => void)[] = [];
    const { fdatasync } = fs;
    await start({ strict: { timeoutMs: 50 } });
    Object.assign(fs, {
      fdatasync: async (fd: number) => {
        await new Promise<void>((resolve) => held.push(resolve));
        return fdatasync(fd);
      },
    });
    await expectRefusal(await post(1));
    // nobody else has to wait as long to be refused
    expect((await health()).status).toBe(503);
    const { length } = held;
    await expectRefusal(await post(2));
    expect(held).toHaveLength(length);
    expect(handled).toEqual([]);
    Object.assign(fs, { fdatasync });
    for (const go of held) go();
    await refusalsUntilLetIn();
    expect(handled).toEqual(['POST again']);
  });
});

describe('at spool on a disk that fails', () => {
  it('recording goes on in memory, health checks and stats say so, and it ends by itself', async () => {
    await start({ durability: 'spool' });
    expect((await post(1)).status).toBe(200);
    fs.fault = failing('openSync', 'writeSync', 'ftruncateSync');
    expect((await post(2)).status).toBe(200);
    const poor = await health();
    expect(poor.status).toBe(200);
    expect(await poor.json()).toMatchObject({ state: 'degraded', rejected: 0, dropped: 0 });
    expect((await app.events()).map(({ object }) => object.id)).toEqual(['1', '2']);

    fs.fault = null;
    await until(() => app.audit.stats().state === 'healthy');
    expect((await post(3)).status).toBe(200);
    expect(await app.events()).toHaveLength(3);
    expect(handled).toEqual(['POST 1', 'POST 2', 'POST 3']);
    expectBalance(app.audit);
  });
});
