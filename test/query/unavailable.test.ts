import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mongoose9, { type Connection } from 'mongoose';
import { type Mongod, startMongod } from '../../examples/mongod';
import type { AuditError } from '../../lib/index';
import { startApp, type TestApp } from '../support/app';
import { type Answer, ask, authenticate } from './trail';

const mongoose8 = require('mongoose8') as typeof mongoose9;
const DEADLINE_MS = 5_000;
const LONGEST_RECOVERY_MS = 45_000;
const UNKNOWN = '0190a6d0-0000-7000-8000-000000000000';
const UNREACHABLE = { detail: 'The audit store is not reachable. Try again later.' };

interface Way extends TestApp {
  readonly end: () => Promise<void>;
}

/** An app whose audit has a connection of its own, or the given one. */
async function startWay(mongo: string | Connection): Promise<Way> {
  const app = await startApp({
    options: { mongo },
    build: (app, audit) => void app.use('/', audit.router({ authenticate })),
  });
  const end = async (): Promise<void> => {
    await app.close();
    if (typeof mongo !== 'string') await mongo.close(true);
  };
  return { ...app, end };
}

function connectBy(mongoose: typeof mongoose9, uri: string): Connection {
  const connection = mongoose.createConnection(uri);
  connection.asPromise().catch(() => {});
  return connection;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

const get = (way: Way, path: string): Promise<Answer> =>
  ask(`${way.url}${path}`, { signal: AbortSignal.timeout(DEADLINE_MS) });

/** Asks on until the store answers again. */
async function recovered(way: Way): Promise<number> {
  const deadline = Date.now() + LONGEST_RECOVERY_MS;
  for (;;) {
    const { status } = await ask(way.url);
    if (status !== 503 || Date.now() > deadline) return status;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const startWays = (uri: string): Promise<Way[]> =>
  Promise.all([uri, connectBy(mongoose9, uri), connectBy(mongoose8, uri)].map(startWay));

async function expectUnavailable(ways: readonly Way[]): Promise<void> {
  const paths = ['/', '/?content_type=1&user=u', `/${UNKNOWN}`];
  const answers = await Promise.all(ways.flatMap((way) => paths.map((path) => get(way, path))));
  for (const { status, body, headers } of answers) {
    expect([status, body]).toEqual([503, UNREACHABLE]);
    expect(headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
    expect(headers.get('cache-control')).toBe('no-store');
  }
  for (const { errors } of ways) {
    expect(errors.map((error) => (error as AuditError).code)).toContain('AUDIT_STORE_UNAVAILABLE');
    errors.length = 0;
  }
}

async function expectRecovery(ways: readonly Way[]): Promise<void> {
  expect(await Promise.all(ways.map(recovered))).toEqual(ways.map(() => 200));
}

/** Each with a connection of the audit's own, one of mongoose 9 and one of mongoose 8. */
describe('a query', () => {
  let ways: readonly Way[] = [];
  let mongod: Mongod | undefined;
  const end = async (): Promise<void> => {
    await Promise.all(ways.map((way) => way.end()));
    await mongod?.stop();
  };
  afterEach(end);

  it('is answered 503 with Retry-After while MongoDB is down at start, and served once it is there', async () => {
    const port = await freePort();
    ways = await startWays(`mongodb://127.0.0.1:${port}/trail`);
    await expectUnavailable(ways);
    for (const way of ways) {
      const statuses = await Promise.all([
        ask(way.url, { as: null }),
        get(way, '/?user[$ne]=1'),
        get(way, '/malformed'),
        ask(way.url, { method: 'POST' }),
      ]);
      expect(statuses.map(({ status }) => status)).toEqual([401, 400, 404, 405]);
    }
    mongod = await startMongod({ port });
    await expectRecovery(ways);
  }, 60_000);

  it('is answered 503 with Retry-After within 5 seconds while MongoDB hangs, and served once it goes on', async () => {
    const running = await startMongod();
    mongod = running;
    ways = await startWays(`${running.uri}trail`);
    await expectRecovery(ways);
    process.kill(running.pid, 'SIGSTOP');
    try {
      await expectUnavailable(ways);
      await expectUnavailable(ways);
    } finally {
      process.kill(running.pid, 'SIGCONT');
    }
    await expectRecovery(ways);
  }, 60_000);

  it('is answered 503 with Retry-After within 5 seconds while MongoDB is stopped, and served once it is back', async () => {
    const dbPath = await mkdtemp(join(tmpdir(), 'mongod-'));
    const running = await startMongod({ dbPath });
    mongod = running;
    // looks for its return more often than by default
    ways = await startWays(`${running.uri}trail?heartbeatFrequencyMS=1000`);
    await expectRecovery(ways);
    await running.stop();
    await expectUnavailable(ways);
    mongod = await startMongod({ dbPath, port: running.port });
    await expectRecovery(ways);
    await end();
    await rm(dbPath, { recursive: true });
  }, 60_000);

  it('is answered 503 when the app has closed the connection', async () => {
    const connection = await mongoose9.createConnection(process.env.TEST_MONGODB_URI ?? '').asPromise();
    ways = [await startWay(connection)];
    await expectRecovery(ways);
    await connection.close();
    await expectUnavailable(ways);
  });
});
