import { setTimeout as delay } from 'node:timers/promises';
import type { Level } from './ledger';
import { type Load, percentile } from './load';
import type { Scenario } from './scenario';
import { Stage } from './stage';

const OUTAGE_RATE = 200;
const OUTAGE_S = 120;
const WARM_UP_S = 25;
/** Responses of 2.5 seconds, of which each has its own p99. */
const WINDOW = 500;
const MOST_MEMORY = 64 * 1024 ** 2;
const MOST_OUTAGE_P99_MS = 2;
const MOST_STRICT_P99_MS = 5;
const MIB = 1024 ** 2;

/** Of all rounds the one in the middle: others work on this machine too. */
const middle = (values: readonly number[]): number => percentile(values, 0.5);

interface Sampled {
  readonly rss: number;
  /** Milliseconds; of the window in the middle. */
  readonly p99: number;
  readonly answered: number;
}

/** Lets the load go on for so long; the most memory seen meanwhile, and what the responses took. */
async function sample(stage: Stage, load: Load, seconds: number): Promise<Sampled> {
  const from = load.latencies.length;
  const enough = from + seconds * OUTAGE_RATE;
  const deadline = Date.now() + seconds * 3_000 + 10_000;
  let rss = 0;
  while (load.latencies.length < enough) {
    rss = Math.max(rss, (await stage.app.state()).rss);
    await delay(500);
    if (Date.now() > deadline) throw new Error(`${load.latencies.length - from} responses in ${seconds} s`);
  }
  const latencies = load.latencies.slice(from);
  const windows = Array.from({ length: Math.floor(latencies.length / WINDOW) }, (_, i) =>
    percentile(latencies.slice(i * WINDOW, (i + 1) * WINDOW), 0.99),
  );
  return { rss, p99: middle(windows), answered: latencies.length };
}

/** Two minutes without MongoDB: everything is there in the end, and neither memory nor clients noticed. */
export const longOutage: Scenario = {
  name: 'MongoDB down 2 minutes',
  levels: ['spool'],
  async run(stage) {
    const database = await stage.useDatabase();
    await stage.startApp();
    const load = stage.load({ rate: OUTAGE_RATE, connections: 16 });
    await stage.answers(load, OUTAGE_RATE * 5);
    const before = await sample(stage, load, stage.scaled(WARM_UP_S, 5));
    await database.stop();
    const during = await sample(stage, load, stage.scaled(OUTAGE_S, 5));
    await database.restart();
    const growth = during.rss - before.rss;
    const slower = during.p99 - before.p99;
    stage.expect(growth <= MOST_MEMORY, `memory grows by at most 64 MiB: ${(growth / MIB).toFixed(1)}`);
    stage.expect(slower <= MOST_OUTAGE_P99_MS, `p99 grows by at most 2 ms: ${slower.toFixed(2)}`);
    stage.notes.push(
      `${during.answered} requests in the outage; memory ${(before.rss / MIB).toFixed(0)} + ${(growth / MIB).toFixed(1)} MiB`,
      `p99 ${before.p99.toFixed(2)} + ${slower.toFixed(2)} ms at ${OUTAGE_RATE} requests/s`,
    );
  },
};

const ROUNDS = 6;
const PER_ROUND = 2_000;
const CONNECTIONS = 32;
/** Below what one process can do: what is measured is the wait, not the queue for a processor. */
const STRICT_RATE = 500;

interface Contender {
  readonly stage: Stage;
  readonly p99s: number[];
}

async function contend(level: Level): Promise<Contender> {
  const stage = await Stage.create({ level, scale: 1 });
  stage.useSharedDatabase();
  await stage.startApp();
  return { stage, p99s: [] };
}

async function round({ stage, p99s }: Contender, requests: number): Promise<void> {
  const load = stage.load({ connections: CONNECTIONS, rate: STRICT_RATE });
  await stage.answers(load, requests);
  await load.stop();
  p99s.push(percentile(load.latencies, 0.99));
}

/** What waiting for a disk adds to the slowest requests, both levels in turns. */
export async function measureStrict(
  scale: number,
): Promise<{ readonly line: string; readonly isKept: boolean }> {
  const contenders: Contender[] = [];
  try {
    for (const level of ['memory', 'strict-disk'] as const) contenders.push(await contend(level));
    const requests = Math.max(500, PER_ROUND * scale);
    // the first round warms up
    for (let i = 0; i <= ROUNDS; i++) for (const contender of contenders) await round(contender, requests);
    const [memory = 0, strict = 0] = contenders.map(({ p99s }) => middle(p99s.slice(1)));
    const added = strict - memory;
    const line = `strict at disk, ${CONNECTIONS} connections, ${STRICT_RATE} requests/s: p99 ${memory.toFixed(1)} ms at memory, + ${added.toFixed(1)} ms (at most + ${MOST_STRICT_P99_MS})`;
    return { line, isKept: added <= MOST_STRICT_P99_MS };
  } finally {
    await Promise.all(contenders.map(({ stage }) => stage.dispose()));
  }
}
