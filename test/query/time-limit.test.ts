import mongoose, { type Connection } from 'mongoose';
import { type Mongod, startMongod } from '../../examples/mongod';
import type { AuditError } from '../../lib/index';
import { EXPRESSES, freshUri } from '../support/app';
import { listOf } from './contract';
import { closedAtEnd, row, startTrail, type Trail } from './trail';

const NARROW = 'Narrow it, for example by timestamp__gte or by user.';
const QUERY = { detail: `The query took too long. ${NARROW}` };
const COUNT = { detail: `Counting the events took too long. ${NARROW}` };
const MAX_TIME_EXPIRED = 50;
const stored = row('2026-01-01T00:00:00Z', { user: 'u1' });

describe('the time limit of a query', () => {
  let mongod: Mongod;
  let admin: Connection;

  beforeAll(async () => {
    mongod = await startMongod({ args: ['--setParameter', 'enableTestCommands=1'] });
    closedAtEnd({ close: () => mongod.stop() });
    admin = await closedAtEnd(mongoose.createConnection(mongod.uri)).asPromise();
  });

  /** Runs the test while MongoDB fails as told, by its own failpoints. */
  async function whileFailing(failpoint: string, data: object, test: () => Promise<void>): Promise<void> {
    const configure = (settings: object) =>
      admin.db?.admin().command({ configureFailPoint: failpoint, ...settings });
    await configure({ mode: 'alwaysOn', data });
    try {
      await test();
    } finally {
      await configure({ mode: 'off' });
    }
  }
  /** Every operation that has a limit reaches it at once; those without one do not. */
  const whileSlow = (test: () => Promise<void>) => whileFailing('maxTimeAlwaysTimeOut', {}, test);
  const whileTimingOut = (command: string, test: () => Promise<void>) =>
    whileFailing('failCommand', { failCommands: [command], errorCode: MAX_TIME_EXPIRED }, test);

  async function expectTimeout(trail: Trail, path: string, body: object): Promise<void> {
    trail.errors.length = 0;
    const answer = await trail.get(path);
    expect([answer.status, answer.body]).toEqual([504, body]);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect((trail.errors as AuditError[]).map(({ code }) => code)).toEqual(['AUDIT_STORE_TIMEOUT']);
  }

  describe.each(EXPRESSES)('on %s', (_, express) => {
    let trail: Trail;
    beforeAll(async () => {
      trail = await startTrail({ express, options: { mongo: freshUri(mongod.uri) } });
      await trail.store([stored]);
    });

    it('is answered 504 when the page took too long', () =>
      whileTimingOut('find', () => expectTimeout(trail, '/', QUERY)));

    it('is answered 504 when the count took too long, and says so with a filter that helps', () =>
      whileTimingOut('aggregate', () => expectTimeout(trail, '/', COUNT)));

    it('is answered 504 when an event took too long', () =>
      whileSlow(() => expectTimeout(trail, `/${stored.uuid}`, QUERY)));

    it('is set on everything that a query asks MongoDB for', () =>
      whileSlow(async () => {
        for (const path of ['/', '/?user=u1', '/?sort=user', `/${stored.uuid}`])
          expect((await trail.get(path)).status).toBe(504);
      }));

    it('leaves the next query as it was', async () => {
      expect(listOf(await trail.get('/')).count).toBe(1);
      expect(trail.errors).not.toContainEqual(expect.objectContaining({ code: 'AUDIT_STORE_UNAVAILABLE' }));
    });

    it("is answered 500 without MongoDB's words when MongoDB fails in another way", () =>
      whileFailing('failCommand', { failCommands: ['find'], errorCode: 8 }, async () => {
        trail.errors.length = 0;
        const answer = await trail.get('/');
        expect([answer.status, answer.body]).toEqual([500, { detail: 'The query failed.' }]);
        expect((trail.errors as AuditError[]).map(({ code }) => code)).toEqual(['AUDIT_QUERY_FAILED']);
      }));

    it.each([
      ['steps down', 189],
      ['shuts down', 91],
      ['has no primary', 10_107],
      ['refuses the user', 13],
      ['refuses the credentials', 18],
    ])('is answered 503 while MongoDB %s', (_what, errorCode) =>
      whileFailing('failCommand', { failCommands: ['find', 'aggregate'], errorCode }, async () => {
        expect((await trail.get('/')).status).toBe(503);
      }),
    );

    it('is answered 503 when MongoDB closes the connection amid the query', () =>
      whileFailing(
        'failCommand',
        { failCommands: ['find', 'aggregate'], closeConnection: true },
        async () => {
          expect((await trail.get('/')).status).toBe(503);
        },
      ));
  });
});

it.each([[777], [undefined]])('the time limit is the option maxTimeMS: %s', async (maxTimeMS) => {
  const options = { monitorCommands: true };
  const mongo = await closedAtEnd(mongoose.createConnection(freshUri(), options)).asPromise();
  const trail = await startTrail({ options: { mongo, ...(maxTimeMS !== undefined && { maxTimeMS }) } });
  trail.audit.record({ name: 'Seen', object: { type: 'things', id: '1' } });
  await trail.audit.flush();
  const limits: [string, unknown][] = [];
  mongo.getClient().on('commandStarted', ({ commandName, command }) => {
    // what recording does meanwhile has limits of its own
    if (commandName === 'find' || commandName === 'aggregate') limits.push([commandName, command.maxTimeMS]);
  });
  for (const path of ['/', '/?content_type=1', '/0190a6d0-0000-7000-8000-000000000000'])
    expect([200, 404]).toContain((await trail.get(path)).status);
  expect(new Set(limits.map(([name]) => name))).toEqual(new Set(['find', 'aggregate']));
  expect(new Set(limits.map(([, limit]) => limit))).toEqual(new Set([maxTimeMS ?? 30_000]));
});
