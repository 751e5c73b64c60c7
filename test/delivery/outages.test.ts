import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Mongod, startMongod } from '../../examples/mongod';
import { freshUri, startApp, type TestApp } from '../support/app';
import { expectBalance, until, watchBalance } from './harness';
import { expectWholeTrail } from './trail';

let directory: string;
let mongod: Mongod;
let app: TestApp;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'outage-'));
  mongod = await startMongod({ dbPath: directory });
});
afterEach(async () => {
  await app.close();
  await mongod.stop();
  await rm(directory, { recursive: true, force: true, maxRetries: 5 });
});

async function restart(): Promise<void> {
  mongod = await startMongod({ dbPath: directory, port: mongod.port });
}

async function startPing(uri: string): Promise<TestApp> {
  return startApp({
    options: { mongo: uri },
    build(app, audit) {
      app.use(audit.middleware());
      app.get('/ping', (_req, res) => {
        res.json({ ok: true });
      });
    },
  });
}

/** One request after the other, until told to stop: says how many were answered, and with which uuids. */
function load(url: string): { readonly answered: string[]; stop(): Promise<void> } {
  const answered: string[] = [];
  let isOver = false;
  const worker = async (): Promise<void> => {
    while (!isOver) {
      const response = await fetch(`${url}/ping`);
      await response.arrayBuffer();
      answered.push(response.headers.get('x-audit-id') ?? '');
    }
  };
  const workers = [worker(), worker(), worker(), worker()];
  return {
    answered,
    async stop() {
      isOver = true;
      await Promise.all(workers);
    },
  };
}

async function expectStored(uri: string, answered: readonly string[]): Promise<void> {
  expect(await app.audit.flush()).toEqual({ pending: 0 });
  const { events } = await expectWholeTrail(uri);
  const uuids = events.map(({ _id }) => _id.toString());
  expect(uuids.sort()).toEqual([...answered].sort());
  expect(app.audit.stats()).toMatchObject({ delivered: answered.length, dropped: 0, quarantined: 0 });
}

describe('while MongoDB is down', () => {
  it('requests are served from the start on, and stored once it is up', async () => {
    const uri = freshUri(mongod.uri);
    await mongod.stop();
    app = await startPing(uri);
    const watch = watchBalance(app.audit);
    const traffic = load(app.url);
    await until(() => traffic.answered.length >= 100);
    expect(app.audit.stats()).toMatchObject({ connected: false, state: 'degraded', delivered: 0 });
    await restart();
    await app.audit.ready();
    await traffic.stop();
    await expectStored(uri, traffic.answered);
    watch.stop();
  });

  it('in the middle of a load, no request fails and no event is lost or doubled', async () => {
    const uri = freshUri(mongod.uri);
    app = await startPing(uri);
    const watch = watchBalance(app.audit);
    const traffic = load(app.url);
    await until(() => app.audit.stats().delivered >= 200);
    await mongod.stop();
    const { length } = traffic.answered;
    await until(() => traffic.answered.length >= length + 200 && app.audit.stats().state === 'degraded');
    await restart();
    const { delivered } = app.audit.stats();
    await until(() => app.audit.stats().delivered >= delivered + 200);
    await traffic.stop();
    await expectStored(uri, traffic.answered);
    watch.stop();
  });

  it('that is killed in the middle of a load, no event that it acknowledged is lost or doubled', async () => {
    const uri = freshUri(mongod.uri);
    app = await startPing(uri);
    const traffic = load(app.url);
    for (let kills = 0; kills < 2; kills++) {
      const { delivered } = app.audit.stats();
      await until(() => app.audit.stats().delivered >= delivered + 100);
      process.kill(mongod.pid, 'SIGKILL');
      await mongod.stop();
      await restart();
    }
    await traffic.stop();
    await expectStored(uri, traffic.answered);
  });

  it('and frozen, requests are served, and stored when it goes on', async () => {
    const uri = freshUri(mongod.uri);
    app = await startPing(uri);
    const traffic = load(app.url);
    await until(() => app.audit.stats().delivered >= 100);
    process.kill(mongod.pid, 'SIGSTOP');
    const { length } = traffic.answered;
    await until(() => traffic.answered.length >= length + 200);
    const { pending } = await app.audit.flush({ deadlineMs: 1 });
    process.kill(mongod.pid, 'SIGCONT');
    await traffic.stop();
    expect(pending).toBeGreaterThanOrEqual(100);
    expectBalance(app.audit);
    await expectStored(uri, traffic.answered);
  });
});
