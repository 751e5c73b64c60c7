/** What the spool costs a request, and how fast what a dead process left is read back. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Reporter } from '../lib/errors';
import type { EventBytes, Journal, Place } from '../lib/journal';
import { createSpool } from '../lib/record/spool/spool';
import { printTable, quantile, spread } from './figures';

const MIB = 1024 * 1024;
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 5);
const EVENTS_A_ROUND = 20_000;
const LEFT_BYTES = Number(process.env.BENCH_SPOOL_MIB ?? 1024) * MIB;
const SIZES = [500, 2_000, 10_000];
const TAIL = Buffer.alloc(120, 't');

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const reporter: Reporter = {
  error: (error) => console.error(error.message),
  once() {},
  dropped() {},
};

function open(directory: string): Journal {
  return createSpool({
    directory,
    maxBytes: 64 * 1024 * MIB,
    segmentBytes: 16 * MIB,
    fsyncMs: 100,
    minFreeBytes: 0,
    writerId: randomUUID(),
    reporter,
  });
}

function eventOf(sequence: number, size: number): EventBytes {
  const body = Buffer.alloc(size, 'x');
  body.writeInt32LE(size, 0);
  return { sequence, timestamp: Date.now(), body, tailAt: size - 60 };
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

interface Cost {
  readonly append: number;
  readonly all: number;
  readonly p99: number;
}

/** Microseconds an event: CPU of all threads, and how long a request waits for its append. */
async function costOf(journal: Journal, size: number, from: number): Promise<Cost> {
  const waits: number[] = [];
  let appended = 0;
  const before = process.cpuUsage();
  for (let i = 0; i < EVENTS_A_ROUND; i += 10) {
    const places: (Place | null)[] = [];
    const event = eventOf(from + i, size);
    const cpu = process.cpuUsage();
    for (let j = 0; j < 10; j++) {
      const start = performance.now();
      places.push(journal.append({ ...event, sequence: from + i + j }, true));
      waits.push((performance.now() - start) * 1_000);
    }
    const { user, system } = process.cpuUsage(cpu);
    appended += user + system;
    for (const place of places) place?.complete(TAIL);
    await nextTurn();
    for (const place of places) place?.release();
  }
  const { user, system } = process.cpuUsage(before);
  return {
    append: appended / EVENTS_A_ROUND,
    all: (user + system) / EVENTS_A_ROUND,
    p99: quantile(waits, 0.99),
  };
}

async function measureAppend(directory: string): Promise<void> {
  const rows: string[][] = [];
  for (const size of SIZES) {
    const journal = open(directory);
    await costOf(journal, size, 1);
    const costs: Cost[] = [];
    for (let round = 1; round <= ROUNDS; round++)
      costs.push(await costOf(journal, size, 1 + round * EVENTS_A_ROUND));
    await journal.close();
    rows.push([
      `${size} bytes`,
      spread(
        costs.map(({ append }) => append),
        1,
      ),
      spread(
        costs.map(({ all }) => all),
        1,
      ),
      spread(
        costs.map(({ p99 }) => p99),
        1,
      ),
    ]);
  }
  printTable(
    `Append, ${ROUNDS} rounds of ${EVENTS_A_ROUND} events: median (lowest..highest), microseconds an event`,
    ['', 'CPU of append', 'CPU with completion, sync, release', 'append, p99 of wall time'],
    rows,
  );
}

/** Leaves so much behind as a process that was killed does. */
async function leave(directory: string, size: number): Promise<number> {
  const journal = open(directory);
  const count = Math.floor(LEFT_BYTES / (size + TAIL.length + 80));
  for (let i = 1; i <= count; i++) {
    journal.append(eventOf(i, size), true)?.complete(TAIL);
    if (i % 100 === 0) await nextTurn();
  }
  const { bytes } = journal.state();
  // closing leaves what was not released, and shows its owner as dead
  await journal.close();
  return bytes;
}

async function measureRecovery(directory: string): Promise<void> {
  const rows: string[][] = [];
  for (const size of SIZES) {
    const bytes = await leave(directory, size);
    // what the writer held is no part of reading
    collectGarbage();
    const journal = open(directory);
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    const start = performance.now();
    const hasRead = new Promise<void>((resolve) => journal.onBacklog(resolve));
    journal.start();
    await hasRead;
    const readThrough = performance.now() - start;
    let count = 0;
    let rss = 0;
    for (
      let taken = await journal.take(500, 8 * MIB);
      taken.length > 0;
      taken = await journal.take(500, 8 * MIB)
    ) {
      count += taken.length;
      for (const { place } of taken) place.release();
      rss = Math.max(rss, process.memoryUsage().rss);
      await nextTurn();
    }
    const seconds = (performance.now() - start) / 1_000;
    delay.disable();
    await journal.close();
    rows.push([
      `${size} bytes`,
      String(count),
      (bytes / MIB).toFixed(0),
      (readThrough / 1_000).toFixed(1),
      (bytes / MIB / seconds).toFixed(0),
      (delay.percentile(99.9) / 1e6).toFixed(1),
      (delay.max / 1e6).toFixed(1),
      (rss / MIB).toFixed(0),
    ]);
  }
  printTable(
    'Recovery of what a dead process left, all of it taken and released',
    ['', 'events', 'MiB', 's until the first', 'MiB/s', 'loop delay p99.9 ms', 'max ms', 'RSS MiB'],
    rows,
  );
}

async function main(): Promise<void> {
  const directory = await mkdtemp(join(process.env.BENCH_SPOOL_DIR ?? tmpdir(), 'spool-'));
  console.log(`node ${process.version}, ${cpus().length} x ${cpus()[0]?.model.trim()}`);
  try {
    await measureAppend(directory);
    await measureRecovery(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
