import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Mongod, startMongod } from '../../examples/mongod';
import { startApp } from '../support/app';
import {
  closeAudits,
  expectBalance,
  recordMany,
  startAudit,
  startFailingMongod,
  until,
  watchBalance,
} from './harness';
import { expectWholeTrail } from './trail';

const DOWN = 'mongodb://127.0.0.1:1/';
const NEVER_MS = 60_000;

describe('a full queue', () => {
  afterEach(closeAudits);

  it.each([
    ['events', { maxQueueEvents: 10 }, 10],
    ['bytes', { maxQueueBytes: 65_536 }, undefined],
  ])('is bounded by %s: the newest are dropped, counted and reported', async (_, limits, kept) => {
    const { audit, drops } = startAudit({ mongo: DOWN, limits });
    recordMany(audit, 1_000);
    const { pending, dropped, queueBytes, droppedByReason, state } = audit.stats();
    if (kept !== undefined) expect(pending).toBe(kept);
    expect(pending).toBeGreaterThan(0);
    expect(dropped).toBe(1_000 - pending);
    expect(droppedByReason).toEqual({ queue_full: dropped, closed: 0, spool_damaged: 0 });
    expect(queueBytes).toBeLessThanOrEqual(65_536);
    expect(state).toBe('degraded');
    expectBalance(audit);
    await until(() => drops.length > 0);
    expect(drops).toEqual([{ reason: 'queue_full', count: dropped }]);
  });

  it('charges an event for what it holds', async () => {
    const { audit } = startAudit({ mongo: DOWN });
    audit.record({ name: 'Noted' });
    const { queueBytes } = audit.stats();
    audit.record({ name: 'Noted', content: { text: 'x'.repeat(8_000) } });
    expect(audit.stats().queueBytes).toBeGreaterThan(queueBytes + 8_000);
  });

  it('is stored before its time, so that nothing is dropped while MongoDB is up', async () => {
    const { audit } = startAudit({ flushIntervalMs: NEVER_MS, limits: { maxQueueEvents: 20 } });
    await audit.ready();
    for (let i = 0; i < 10; i++) {
      recordMany(audit, 10);
      await until(() => audit.stats().pending < 10);
    }
    expect(audit.stats().dropped).toBe(0);
  });

  it('is bounded for requests too, and they are served', async () => {
    const app = await startApp({
      options: { mongo: DOWN, limits: { maxQueueEvents: 5 } },
      build(app, audit) {
        app.use(audit.middleware());
        app.get('/ping', (_req, res) => {
          res.json({ ok: true });
        });
      },
    });
    for (let i = 0; i < 20; i++) expect((await fetch(`${app.url}/ping`)).status).toBe(200);
    await until(() => app.audit.stats().captured === 20);
    expect(app.audit.stats()).toMatchObject({ pending: 5, dropped: 15 });
    await app.audit.close({ deadlineMs: 1 });
    await app.close();
  });
});

describe('a loss', () => {
  let directory: string;
  let mongod: Mongod;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'queue-'));
    mongod = await startMongod({ dbPath: directory });
  });
  afterEach(async () => {
    await closeAudits();
    await mongod.stop();
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  });

  it('is declared by a gap with its first and last sequence as soon as MongoDB is back, each time', async () => {
    const { audit, uri, drops } = startAudit({ base: mongod.uri, limits: { maxQueueEvents: 20 } });
    const watch = watchBalance(audit);
    const expected: object[] = [];
    for (let round = 0; round < 3; round++) {
      recordMany(audit, 3);
      expect(await audit.flush()).toEqual({ pending: 0 });
      const { captured } = audit.stats();
      await mongod.stop();
      recordMany(audit, 20 + 7);
      expected.push({ first: captured + 21, last: captured + 27, reason: 'queue_full' });
      mongod = await startMongod({ dbPath: directory, port: mongod.port });
      await until(() => audit.stats().pending === 0 && audit.stats().state === 'healthy');
      expect((await expectWholeTrail(uri)).gaps).toMatchObject(expected);
    }
    watch.stop();
    // 3 x (3 + 20) events and 3 gaps
    expect(audit.stats()).toMatchObject({ dropped: 21, delivered: 72, pending: 0 });
    await until(() => drops.reduce((sum, { count }) => sum + count, 0) === 21);
    expect(new Set(drops.map(({ reason }) => reason))).toEqual(new Set(['queue_full']));
  });
});

describe('an overload', () => {
  let mongod: Awaited<ReturnType<typeof startFailingMongod>>;

  beforeAll(async () => {
    mongod = await startFailingMongod();
  });
  afterEach(async () => {
    await mongod.fail({}, 'off');
    await closeAudits();
  });
  afterAll(() => mongod.stop());

  it('of a slow MongoDB leaves no hole that no gap names', async () => {
    const { audit, uri } = startAudit({ base: mongod.uri, limits: { maxQueueEvents: 50 } });
    await audit.ready();
    const slow = { failCommands: ['insert'], blockConnection: true, blockTimeMS: 20 };
    await mongod.fail(slow, 'alwaysOn');
    const watch = watchBalance(audit);
    for (let i = 0; i < 20; i++) {
      const { delivered } = audit.stats();
      recordMany(audit, 90);
      await until(() => audit.stats().delivered > delivered);
    }
    await until(() => audit.stats().pending === 0 && audit.stats().state === 'healthy');
    watch.stop();
    const { dropped, quarantined, delivered, captured } = audit.stats();
    const { gaps, rows } = await expectWholeTrail(uri);
    expect(gaps.reduce((sum, { first, last }) => sum + last - first + 1, 0)).toBe(dropped);
    expect(dropped).toBeGreaterThan(0);
    expect(quarantined).toBe(0);
    expect(rows).toHaveLength(delivered);
    expect(captured).toBe(1_800 + gaps.length);
  });

  it('of one event larger than the queue is declared at once, and others go on', async () => {
    const { audit, uri } = startAudit({
      base: mongod.uri,
      limits: { maxQueueBytes: 65_536, maxStringBytes: 1_048_576, maxEventBytes: 4_194_304 },
    });
    audit.record({ name: 'Small' });
    await audit.flush();
    // at rest: the block is closed
    await until(async () => (await audit.reader.safePoint()) === 1);
    audit.record({ name: 'Large', content: 'x'.repeat(100_000) });
    await until(() => audit.stats().delivered === 2 && audit.stats().state === 'healthy');
    audit.record({ name: 'Small' });
    expect(await audit.flush()).toEqual({ pending: 0 });
    const { gaps, events } = await expectWholeTrail(uri);
    expect(gaps).toMatchObject([{ first: 2, last: 2, reason: 'queue_full' }]);
    expect(events.map(({ name }) => name)).toEqual(['Small', 'Small']);
  });

  it('of a queue for one event loses what it declares, and recovers', async () => {
    const { audit, uri } = startAudit({ base: mongod.uri, limits: { maxQueueEvents: 1 } });
    recordMany(audit, 5);
    await until(() => audit.stats().pending === 0 && audit.stats().state === 'healthy');
    audit.record({ name: 'Last' });
    expect(await audit.flush()).toEqual({ pending: 0 });
    const { gaps, events } = await expectWholeTrail(uri);
    expect(gaps).toMatchObject([{ first: 2, last: 5 }]);
    expect(events.map(({ name }) => name)).toEqual(['Noted', 'Last']);
  });

  it('that is still on when it closes is declared while there is time', async () => {
    const { audit, uri } = startAudit({ base: mongod.uri, limits: { maxQueueEvents: 3 } });
    recordMany(audit, 10);
    expect(await audit.close()).toEqual({ pending: 0 });
    const { gaps } = await expectWholeTrail(uri);
    expect(gaps).toMatchObject([{ first: 4, last: 10 }]);
    expect(audit.stats()).toMatchObject({ captured: 11, delivered: 4, dropped: 7 });
  });
});
