import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Audit, AuditOptions, StoredEvent } from '../../lib/index';
import { NODE_FS, type SpoolFs } from '../../lib/record/spool/fs';
import { type Gateway, startGateway } from '../delivery/gateway';
import { closeAudits, expectBalance, startAudit, until, watchBalance } from '../delivery/harness';
import { allEvents, freshUri } from '../support/app';

const MIB = 1024 * 1024;
const TEXT = 'x'.repeat(4_000);

let directory: string;
let gateway: Gateway;
let uri: URL;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'spool-'));
  uri = new URL(freshUri());
  gateway = await startGateway(Number(uri.port));
  uri.port = String(gateway.port);
});
afterEach(async () => {
  gateway.thaw();
  await closeAudits();
  gateway.close();
  await rm(directory, { recursive: true, force: true });
});

function start(maxQueueEvents: number, spool: AuditOptions['spool'] = {}) {
  return startAudit({
    durability: 'spool',
    spool: { directory, minFreeBytes: 0, maxBytes: MIB, segmentBytes: MIB / 8, ...spool },
    limits: { maxQueueEvents },
    mongo: uri.toString(),
  });
}

function record(audit: Audit, from: number, count: number): void {
  for (let i = from; i < from + count; i++) audit.record({ name: 'Noted', content: { i, text: TEXT } });
}

/** Fails unless each sequence is of one event, or in one gap. */
function expectEachSequenceOnce(events: readonly StoredEvent[]): void {
  const sequences = events.map(({ sequence }) => sequence);
  for (const { gap } of events) {
    if (gap === null) continue;
    for (let sequence = gap.first; sequence <= gap.last; sequence++) sequences.push(sequence);
  }
  expect(sequences.sort((a, b) => a - b)).toEqual(Array.from({ length: sequences.length }, (_, i) => i + 1));
}

const seen = (events: readonly StoredEvent[]): number[] =>
  events
    .flatMap(({ gap, content }) => (gap === null ? [(content as { i: number }).i] : []))
    .sort((a, b) => a - b);
const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

describe('while MongoDB is down and spool.maxBytes is reached', () => {
  it('what is beyond it and beyond memory is counted, and named by gaps; the rest is stored, once', async () => {
    gateway.freeze();
    const { audit, errors, drops } = start(50);
    const watch = watchBalance(audit);
    for (let i = 0; i < 600; i += 10) {
      record(audit, i, 10);
      expectBalance(audit);
      await new Promise(setImmediate);
    }
    const { dropped, spoolBytes, state } = audit.stats();
    expect(dropped).toBeGreaterThan(100);
    expect(spoolBytes).toBeLessThanOrEqual(MIB);
    expect(state).toBe('degraded');
    expect(errors).toContainEqual(expect.objectContaining({ code: 'AUDIT_SPOOL_FULL' }));

    gateway.thaw();
    await until(() => audit.stats().pending === 0 && audit.stats().state === 'healthy');
    record(audit, 600, 1);
    const events = await allEvents(audit);
    expect(audit.stats().dropped).toBe(dropped);
    expect(drops.reduce((sum, { count }) => sum + count, 0)).toBe(dropped);
    expect(seen(events)).toHaveLength(601 - dropped);
    expect(new Set(seen(events)).size).toBe(601 - dropped);
    expect(seen(events)).toContain(600);
    expectEachSequenceOnce(events);
    await until(() => audit.stats().spoolBytes < MIB / 4);
    watch.stop();
  });

  it('memory is left to what is in no file', async () => {
    gateway.freeze();
    const { audit } = start(100);
    let count = 0;
    while (!(await isFull(audit))) {
      record(audit, count, 10);
      count += 10;
    }
    record(audit, count, 45);
    expect(audit.stats()).toMatchObject({ dropped: 0, pending: count + 45 });
    expectBalance(audit);
    const { pending } = await audit.flush({ deadlineMs: 1 });
    expect(pending).toBe(count + 45);
    gateway.thaw();
    const events = await allEvents(audit);
    expect(seen(events)).toEqual(upTo(count + 45));
    expectEachSequenceOnce(events);
    expectBalance(audit);
  });

  /** Whether the spool takes no more. */
  async function isFull(audit: Audit): Promise<boolean> {
    await new Promise(setImmediate);
    return audit.stats().spoolBytes > MIB - 50_000;
  }
});

describe('a disk that fails while MongoDB is down', () => {
  it('and comes back has lost nothing that memory had room for', async () => {
    let isBroken = false;
    const fs: SpoolFs = {
      ...NODE_FS,
      writeSync(...args) {
        if (isBroken) throw Object.assign(new Error('EIO'), { code: 'EIO' });
        return NODE_FS.writeSync(...args);
      },
    };
    gateway.freeze();
    const { audit } = start(100, { fs });
    const watch = watchBalance(audit);
    record(audit, 0, 150);
    isBroken = true;
    // half of memory is on its way to MongoDB
    record(audit, 150, 45);
    expect(audit.stats()).toMatchObject({ dropped: 0, pending: 195 });
    isBroken = false;
    gateway.thaw();
    const events = await allEvents(audit);
    expect(seen(events)).toEqual(upTo(195));
    expectEachSequenceOnce(events);
    expect(audit.stats().dropped).toBe(0);
    await audit.close();
    expect(await readdir(directory)).toEqual([]);
    watch.stop();
  });
});
