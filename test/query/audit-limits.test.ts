import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import mongoose, { type Connection } from 'mongoose';
import { type Mongod, startMongod } from '../../examples/mongod';
import type { AuditError } from '../../lib/index';
import { EXPRESSES, freshUri, startApp } from '../support/app';
import { type AuditTrail, logsOf, problemOf, startAuditTrail } from './audit-contract';
import { ask, authenticate, closedAtEnd, row } from './trail';

const MAX_TIME_EXPIRED = 50;
const TIMED_OUT = 'The query took too long. Narrow it, for example by after or by actor_id.';
const stored = row(Date.now() - 60_000, { id: 1, tenant: 'a' });

describe('the time limit of a query of audit', () => {
  let mongod: Mongod;
  let admin: Connection;
  beforeAll(async () => {
    mongod = await startMongod({ args: ['--setParameter', 'enableTestCommands=1'] });
    closedAtEnd({ close: () => mongod.stop() });
    admin = await closedAtEnd(mongoose.createConnection(mongod.uri)).asPromise();
  });

  /** Runs the test while MongoDB says of a command that its time is over. */
  async function whileTimingOut(command: string, test: () => Promise<void>): Promise<void> {
    const configure = (settings: object) =>
      admin.db?.admin().command({ configureFailPoint: 'failCommand', ...settings });
    const data = { failCommands: [command], errorCode: MAX_TIME_EXPIRED };
    await configure({ mode: 'alwaysOn', data });
    try {
      await test();
    } finally {
      await configure({ mode: 'off' });
    }
  }

  describe.each(EXPRESSES)('on %s', (_, express) => {
    let trail: AuditTrail;
    beforeAll(async () => {
      trail = await startAuditTrail({ express, options: { mongo: freshUri(mongod.uri) } });
      await trail.store([stored]);
    });

    it('is answered 504 when it is reached, with what was applied and what would help', () =>
      whileTimingOut('find', async () => {
        const answer = await trail.get('', { headers: { Prefer: 'wait=3' } });
        expect(problemOf(answer)).toMatchObject({ status: 504, message: TIMED_OUT });
        expect(answer.headers.get('preference-applied')).toBe('wait=3');
        expect(answer.headers.get('cache-control')).toBe('no-store');
        const [error] = trail.errors.splice(0) as AuditError[];
        expect(error?.code).toBe('AUDIT_STORE_TIMEOUT');
      }));

    it('is never reached by a count, for none is taken', () =>
      whileTimingOut('aggregate', async () => {
        expect(logsOf(await trail.get(''))).toHaveLength(1);
      }));
  });
});

it.each([
  [undefined, 9_500, null],
  ['wait=3', 3_000, 'wait=3'],
  ['wait=9', 9_000, 'wait=9'],
  // ten seconds are the shortest whole ones within which the answer comes
  ['wait=60', 9_500, 'wait=10'],
])(
  'is for Prefer: %s given to MongoDB as %d milliseconds, and applied as %j',
  async (prefer, limit, applied) => {
    const mongo = await closedAtEnd(
      mongoose.createConnection(freshUri(), { monitorCommands: true }),
    ).asPromise();
    const trail = await startAuditTrail({ options: { mongo, maxTimeMS: 9_500 } });
    await trail.store([stored]);
    const limits: unknown[] = [];
    mongo.getClient().on('commandStarted', ({ commandName, command }) => {
      if (commandName === 'find' && command.find === 'auditevents') limits.push(command.maxTimeMS);
    });
    const headers: Record<string, string> = prefer === undefined ? {} : { Prefer: prefer };
    const answer = await trail.get('?actor_id=neq:x', { headers });
    expect([answer.status, answer.headers.get('preference-applied')]).toEqual([200, applied]);
    expect(limits).toEqual([limit]);
  },
);

it('audit is answered 503 with Retry-After within 5 seconds while MongoDB is not there', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  const app = closedAtEnd(
    await startApp({
      options: { mongo: `mongodb://127.0.0.1:${port}/trail`, auditReads: false },
      build: (one, audit) => void one.use('/audit', audit.router({ dialect: 'audit', authenticate })),
    }),
  );
  const answer = await ask(`${app.url}/audit`, { scheme: 'Bearer', signal: AbortSignal.timeout(5_000) });
  expect(problemOf(answer)).toMatchObject({
    status: 503,
    message: 'The audit store is not reachable. Try again later.',
  });
  expect(answer.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
});

it('one query of audit is one reading, with its parameters, its reader and the rows', async () => {
  const trail = await startAuditTrail({ options: { auditReads: true } });
  await trail.store([stored]);
  await trail.get('?sort_by=id&sort_by=-status&actor_id=neq:x', { as: 'fake-token-a' });
  const [, reading, ...more] = await trail.events();
  expect(more).toEqual([]);
  expect(reading).toMatchObject({
    user: { id: 'reader-a' },
    tenant: 'a',
    object: { type: 'audit-event', id: 'audit' },
    content: { api: 'audit', filter: { sort_by: ['id', '-status'], actor_id: 'neq:x' }, rows: 1 },
  });
});
