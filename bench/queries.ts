/** Every filter of every API on many events: how the first page is found, and what depth costs. */
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { dirname, resolve } from 'node:path';
import express from 'express';
import { createAudit, type DialectName, staticTokens } from 'express-audit-events';
import mongoose, { type Connection } from 'mongoose';
import { mongoFor } from '../examples/mongod';
import { median, printTable } from './figures';
import { NEWEST, STEP_MS, seed, TENANTS } from './seed';

const EVENTS = Number(process.env.BENCH_EVENTS ?? 200_000);
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 5);
const RESULT = resolve(process.env.BENCH_RESULT ?? 'dist/bench/queries.json');
const DEPTH = EVENTS / 2;
const TOKEN = 'not-a-real-token';
const PERMISSIONS = ['base.organization.audit.list'];

const iso = (eventsAgo: number): string => new Date(NEWEST - eventsAgo * STEP_MS).toISOString();
const RECENT = iso(1_000);
const MIDDLE = iso(DEPTH);

interface Api {
  readonly dialect: DialectName;
  readonly mount: string;
  readonly path: string;
  readonly filters: readonly string[];
}

const APIS: readonly Api[] = [
  {
    dialect: 'audit-events',
    mount: '/audit-events',
    path: '/audit-events/',
    filters: [
      '',
      `timestamp=${MIDDLE}`,
      `timestamp__gt=${RECENT}`,
      `timestamp__gte=${RECENT}`,
      `timestamp__lt=${MIDDLE}`,
      `timestamp__lte=${MIDDLE}`,
      'user=u7',
      'object_id=42',
      'content_type=2',
    ],
  },
  {
    dialect: 'history',
    mount: '/history',
    path: '/history/',
    filters: ['', 'user_id=u7', 'ip_address=10.0.3.7', 'action_type=delete', 'object_id=42'],
  },
  {
    dialect: 'audit',
    mount: '/api/v2/audit',
    path: '/api/v2/audit',
    filters: [
      '',
      'id=4711',
      'id=neq:4711',
      'id=~eq:4711',
      'actor_id=u7',
      'actor_id=neq:u7',
      'actor_id=~eq:u7',
      'actor_name=User u7',
      'actor_name=neq:User u7',
      'actor_name=~eq:u7',
      'actor_email=u7@example.org',
      'actor_email=neq:u7@example.org',
      'actor_email=~eq:u7@',
      'action=DELETE /items/:id',
      'action=neq:DELETE /items/:id',
      'action=~eq:delete',
      'request_id=request-4711',
      'request_id=neq:request-4711',
      'request_id=~eq:4711',
      'source=admin',
      'source=neq:admin',
      'source=~eq:dmi',
      'status=failure',
      'status=neq:success',
      `created_at=${MIDDLE}`,
      `created_at=neq:${MIDDLE}`,
      `created_at=gt:${RECENT}`,
      `created_at=gte:${RECENT}`,
      `created_at=lt:${MIDDLE}`,
      `created_at=lte:${MIDDLE}`,
      `after=${RECENT}`,
      `before=${MIDDLE}`,
    ],
  },
  {
    dialect: 'organization-audit',
    mount: '/v1/organizations/:organizationId/audit',
    path: `/v1/organizations/${TENANTS[0]}/audit/`,
    filters: [
      '',
      `dateIni=${RECENT}`,
      `dateEnd=${MIDDLE}`,
      'entity=items',
      'userId=u8',
      'userEmail=u8@example.org',
      'action=update',
      'entityId=31',
      `organization=${TENANTS[0]}`,
      'showSystem=true',
    ],
  },
  {
    dialect: 'audit-logs',
    mount: '/v2/audit-logs',
    path: '/v2/audit-logs',
    filters: [
      '',
      'id=4711',
      'logName=admin',
      'keycloakUuid=u7',
      'keycloakEmail=u7@example.org',
      'urlCalled=https://shop.example.org/items/42?page=2',
      'ip=10.0.3.7',
      'domain=shop.example.org',
      'caller=web',
      'tableName=items',
      'entityId=42',
      'entityIdString=42',
      'event=deleted',
      'event=associated',
      'association=members',
      `createdAtFrom=${RECENT}`,
      `createdAtTo=${MIDDLE}`,
    ],
  },
];

interface Profile {
  readonly planSummary?: string;
  readonly docsExamined?: number;
  readonly keysExamined?: number;
  readonly execStats?: unknown;
  readonly command?: unknown;
}

interface Bench {
  readonly connection: Connection;
  readonly base: string;
}

async function ask(base: string, path: string, scheme: string): Promise<{ ms: number; body: unknown }> {
  const startedAt = performance.now();
  const response = await fetch(base + path, { headers: { authorization: `${scheme} ${TOKEN}` } });
  const body: unknown = await response.json();
  const ms = performance.now() - startedAt;
  if (response.status !== 200) throw new Error(`${path}: ${response.status} ${JSON.stringify(body)}`);
  return { ms, body };
}

/** What MongoDB did for one request, by its own profiler: the explain output of what really ran. */
async function profiled(
  { connection, base }: Bench,
  path: string,
  scheme: string,
): Promise<{ plans: Profile[]; body: unknown }> {
  const { db } = connection;
  if (db === undefined) throw new Error('the connection is not open');
  await db.command({ profile: 0 });
  await db.collection('system.profile').drop();
  await db.command({ profile: 2 });
  const { body } = await ask(base, path, scheme);
  await db.command({ profile: 0 });
  const filter = { ns: `${db.databaseName}.auditevents`, planSummary: { $exists: true } };
  const plans = await db.collection<Profile>('system.profile').find(filter).toArray();
  return { plans, body };
}

function encode(filter: string): string {
  const equals = filter.indexOf('=');
  return filter === '' ? '' : `?${filter.slice(0, equals)}=${encodeURIComponent(filter.slice(equals + 1))}`;
}

const schemeOf = ({ dialect }: Api): string => (dialect === 'audit-events' ? 'Token' : 'Bearer');

interface Row {
  readonly api: string;
  readonly filter: string;
  readonly ms: number;
  readonly plans: readonly Profile[];
  readonly scans: boolean;
}

async function measure(bench: Bench, api: Api, filter: string): Promise<Row> {
  const path = api.path + encode(filter);
  const { plans } = await profiled(bench, path, schemeOf(api));
  const times: number[] = [];
  for (let i = 0; i < ROUNDS; i++) times.push((await ask(bench.base, path, schemeOf(api))).ms);
  const scans = plans.some(({ planSummary }) => planSummary?.includes('COLLSCAN'));
  return { api: api.dialect, filter, ms: median(times), plans, scans };
}

function printRows(rows: readonly Row[]): void {
  const cells = rows.map(({ api, filter, ms, plans, scans }) => [
    `${api} ${filter === '' ? '(no filter)' : filter}`,
    ms.toFixed(1),
    String(plans.reduce((sum, { docsExamined = 0 }) => sum + docsExamined, 0)),
    [...new Set(plans.map(({ planSummary }) => planSummary))].join(' + '),
    scans ? 'COLLSCAN' : '',
  ]);
  printTable(
    `The first page of ${EVENTS} events, median of ${ROUNDS}`,
    ['', 'ms', 'documents read', 'plan of list and count', ''],
    cells,
  );
}

/** How much dearer than the first page one may be far behind it. */
const MOST_RATIO = 1.5;

/** The first page of audit-logs, which needs no cursor, and one far behind it, in turns. */
async function measureDepth({ base }: Bench): Promise<number> {
  const path = '/v2/audit-logs?limit=100';
  type Page = { readonly end_cursor: string | null };
  let cursor: string | null = null;
  for (let depth = 0; depth < DEPTH; depth += 100) {
    const next: string = cursor === null ? path : `${path}&end_cursor=${cursor}`;
    cursor = ((await ask(base, next, 'Bearer')).body as Page).end_cursor;
  }
  const deep = `${path}&end_cursor=${cursor}`;
  const times: { near: number[]; far: number[] } = { near: [], far: [] };
  for (let i = 0; i < 40; i++) {
    times.near.push((await ask(base, path, 'Bearer')).ms);
    times.far.push((await ask(base, deep, 'Bearer')).ms);
  }
  const [near, far] = [median(times.near), median(times.far)];
  printTable(
    'A page of 100 by cursor, median of 40, in turns',
    ['', 'ms'],
    [
      ['0 events deep', near.toFixed(2)],
      [`${DEPTH} events deep`, far.toFixed(2)],
      ['ratio', (far / near).toFixed(2)],
      [`within ${MOST_RATIO}`, far / near <= MOST_RATIO ? 'yes' : 'NO'],
    ],
  );
  return far / near;
}

async function main(): Promise<void> {
  const mongo = await mongoFor();
  const uri = new URL(mongo.uri);
  uri.pathname = `/bench_${process.pid}_queries`;
  const connection = await mongoose.createConnection(uri.toString()).asPromise();
  const audit = createAudit({ mongo: uri.toString(), auditReads: false });
  try {
    await audit.ready();
    console.log(`storing ${EVENTS} events`);
    await seed(connection, EVENTS);
    const reader = { id: 'bench', tenants: '*', permissions: PERMISSIONS } as const;
    const authenticate = staticTokens({ [TOKEN]: reader });
    const app = express();
    for (const { mount, dialect } of APIS) app.use(mount, audit.router({ dialect, authenticate }));
    const server = app.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const bench = { connection, base: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
    const rows: Row[] = [];
    for (const api of APIS) {
      for (const filter of api.filters) rows.push(await measure(bench, api, filter));
    }
    printRows(rows);
    const ratio = await measureDepth(bench);
    await mkdir(dirname(RESULT), { recursive: true });
    await writeFile(RESULT, JSON.stringify({ events: EVENTS, ratio, rows }, null, 1));
    console.log(`\nexplain output of every query: ${RESULT}`);
    server.close();
  } finally {
    await connection.dropDatabase();
    await connection.close();
    await audit.close();
    await mongo.stop();
  }
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
