import { startMongod } from '../examples/mongod';
import { startChild } from './child';
import { REQUESTS, send } from './client';
import { median, printTable, quantile } from './figures';
import type { VariantName } from './variants';

const ROUNDS = 7;
const REQUESTS_A_ROUND = 1_000;
const WARM_UP = 5_000;
const CONNECTIONS = 2;
const CASES = ['bare', 'audited', 'audited, MongoDB frozen'] as const;

/** No request waits for MongoDB: latencies while mongod is stopped by SIGSTOP, beside those of the bare app. */
export async function measureLatency(directory: string): Promise<void> {
  const mongod = await startMongod();
  const start = async (name: VariantName) => {
    const child = startChild('server', [name, `${mongod.uri}bench_latency`, directory]);
    return { child, port: await child.ask<number>('port') };
  };
  const bare = await start('bare');
  const audited = await start('express-audit-events, unsettled');
  const [[, request]] = Object.entries(REQUESTS) as [[string, Buffer]];
  const load = (port: number, count: number) => send({ port, request, count, connections: CONNECTIONS });

  const whileFrozen = async (port: number): Promise<number[]> => {
    process.kill(mongod.pid, 'SIGSTOP');
    try {
      return await load(port, REQUESTS_A_ROUND);
    } finally {
      process.kill(mongod.pid, 'SIGCONT');
    }
  };
  try {
    for (const { port } of [bare, audited]) await load(port, WARM_UP);
    const latencies = new Map<string, number[][]>(CASES.map((name) => [name, []]));
    for (let round = 0; round < ROUNDS; round++) {
      latencies.get('bare')?.push(await load(bare.port, REQUESTS_A_ROUND));
      latencies.get('audited')?.push(await load(audited.port, REQUESTS_A_ROUND));
      latencies.get('audited, MongoDB frozen')?.push(await whileFrozen(audited.port));
    }
    print(latencies);
  } finally {
    await Promise.all([bare.child.stop(), audited.child.stop()]);
    await mongod.stop();
  }
}

function print(latencies: ReadonlyMap<string, readonly number[][]>): void {
  const at = (name: string, share: number): number =>
    median((latencies.get(name) ?? []).map((round) => quantile(round, share)));
  const rows = CASES.map((name) => [
    name,
    at(name, 0.5).toFixed(2),
    at(name, 0.99).toFixed(2),
    (at(name, 0.5) / at('bare', 0.5)).toFixed(2),
  ]);
  printTable(
    'No request waits for MongoDB: latency in ms, medians of the rounds',
    ['', 'p50', 'p99', 'p50 over bare'],
    rows,
  );
}
