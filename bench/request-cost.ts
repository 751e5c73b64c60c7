/** What a request costs more, in CPU time of the server: auditing beside what one would mount instead. */
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { mongoFor } from '../examples/mongod';
import { type Child, startChild } from './child';
import { REQUESTS, send } from './client';
import { median, printTable, spread } from './figures';
import type { VariantName } from './variants';

const NAMES: readonly VariantName[] = [
  'bare',
  'morgan',
  'pino-http',
  'pino-http, buffered',
  'finish handler, Model.create',
  'express-audit-events',
  'at level spool',
];
const REFERENCE: VariantName = 'pino-http';
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 9);
const REQUESTS_A_ROUND = 2_000;
const WARM_UP = 4_000;
const CONNECTIONS = 8;

interface Server {
  readonly name: VariantName;
  readonly child: Child;
  readonly port: number;
}

async function startServer(name: VariantName, uri: string, directory: string): Promise<Server> {
  const database = new URL(uri);
  database.pathname = `/bench_${process.pid}_${NAMES.indexOf(name)}`;
  const child = startChild('server', [name, database.toString(), directory]);
  return { name, child, port: await child.ask<number>('port') };
}

/** Microseconds of the server's CPU time for each of `count` requests. */
async function costOf({ child, port }: Server, request: Buffer, count: number): Promise<number> {
  const before = await child.ask<number>('cpu');
  await send({ port, request, count, connections: CONNECTIONS });
  return ((await child.ask<number>('cpu')) - before) / count;
}

/** Every server in every round, each round beginning with another, so that what the machine does meets all. */
async function measure(servers: readonly Server[], request: Buffer): Promise<Map<VariantName, number[]>> {
  const costs = new Map<VariantName, number[]>(servers.map(({ name }) => [name, []]));
  for (const server of servers) await costOf(server, request, WARM_UP);
  for (let round = 0; round < ROUNDS; round++) {
    const first = round % servers.length;
    for (const server of [...servers.slice(first), ...servers.slice(0, first)]) {
      costs.get(server.name)?.push(await costOf(server, request, REQUESTS_A_ROUND));
    }
  }
  return costs;
}

function print(title: string, costs: ReadonlyMap<VariantName, readonly number[]>): void {
  const of = (name: VariantName): readonly number[] => costs.get(name) ?? [];
  const added = (name: VariantName): number[] => of(name).map((cost, i) => cost - (of('bare')[i] ?? 0));
  const rows = NAMES.map((name) => {
    if (name === 'bare') return [name, spread(of(name)), '', ''];
    const ratio = median(added(name)) / median(added(REFERENCE));
    return [name, spread(of(name)), spread(added(name)), ratio.toFixed(2)];
  });
  printTable(title, ['', 'us CPU a request', 'added over bare', `of what ${REFERENCE} adds`], rows);
}

async function main(): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'bench-'));
  const mongo = await mongoFor();
  const servers: Server[] = [];
  try {
    console.log(`node ${process.version}, ${cpus().length} x ${cpus()[0]?.model.trim()}`);
    console.log(`${ROUNDS} rounds of ${REQUESTS_A_ROUND} requests: median (lowest..highest)`);
    for (const name of NAMES) servers.push(await startServer(name, mongo.uri, directory));
    for (const [title, request] of Object.entries(REQUESTS)) print(title, await measure(servers, request));
  } finally {
    await Promise.all(servers.map(({ child }) => child.stop()));
    await mongo.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
