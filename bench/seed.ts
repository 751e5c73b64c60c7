import { randomUUID } from 'node:crypto';
import type { Connection } from 'mongoose';
import mongoose from 'mongoose';

const { Binary } = mongoose.mongo;
const BATCH = 2_000;
const USERS = 400;
const TYPES = ['orders', 'items', 'users', 'sessions'] as const;
const ACTIONS = ['create', 'update', 'delete', 'access'] as const;
const METHODS = ['POST', 'PATCH', 'DELETE', 'GET'] as const;
export const TENANTS = ['64b7f0c2a1b2c3d4e5f60718', 'globex', 'initech', 'umbrella'] as const;
export const NEWEST = Date.parse('2026-11-01T00:00:00Z');
/** Between two events. */
export const STEP_MS = 20_000;

function uuid(): never {
  return new Binary(Buffer.from(randomUUID().replaceAll('-', ''), 'hex'), 4) as never;
}

function pick<T>(values: readonly T[], i: number): T {
  return values[i % values.length] as T;
}

/** One event as the library stores it; `i` counts from the oldest. */
function documentOf(i: number, count: number, writer: unknown) {
  const _id = uuid();
  const timestamp = new Date(NEWEST - (count - i) * STEP_MS);
  // several remainders, so that the fields do not go together
  const user = `u${(i * 7_919) % USERS}`;
  const type = pick(TYPES, i >>> 2);
  const action = pick(ACTIONS, i);
  const objectId = String((i * 31) % 5_000);
  const headers = { host: 'shop.example.org', accept: 'application/json', 'user-agent': 'okhttp/4.12.0' };
  return {
    _id,
    id: i + 1,
    recordedAt: timestamp,
    writer,
    sequence: i + 1,
    version: 1,
    timestamp,
    kind: 'request',
    status: i % 10 === 0 ? 'failure' : 'success',
    commitId: _id,
    requestId: `request-${i}`,
    source: pick(['shop', 'admin'], i >>> 3),
    action,
    name: `${pick(METHODS, i)} /${type}/:id`,
    user: { id: user, email: `${user}@example.org`, name: `User ${user}` },
    system: i % 50 === 0,
    tenant: pick(TENANTS, i >>> 1),
    object: { type, id: objectId },
    ...(i % 100 === 0 && { association: { name: 'members', change: 'associated', with: { type, id: '1' } } }),
    labels: { caller: pick(['web', 'app'], i >>> 4), operatorId: i % 7 },
    method: pick(METHODS, i),
    url: `https://shop.example.org/${type}/${objectId}?page=${i % 50}`,
    route: `/${type}/:id`,
    host: 'shop.example.org',
    postDataState: 'absent',
    headers,
    remoteAddr: `10.0.${i % 16}.${(i >>> 4) % 250}`,
    statusCode: i % 10 === 0 ? 404 : 200,
    durationMs: 1.5,
    responseBytes: 312,
    outcome: 'completed',
  };
}

/** Stores events straight into the collections, with the counter and the content types that belong to them. */
export async function seed(connection: Connection, count: number): Promise<void> {
  const { db } = connection;
  if (db === undefined) throw new Error('the connection is not open');
  const writer = uuid();
  for (let from = 0; from < count; from += BATCH) {
    const length = Math.min(BATCH, count - from);
    const documents = Array.from({ length }, (_, i) => documentOf(from + i, count, writer));
    await db.collection('auditevents').insertMany(documents, { ordered: false });
  }
  const named = (_id: string) => ({ _id }) as never;
  await db
    .collection('auditcounters')
    .updateOne(named('events'), { $set: { last: count } }, { upsert: true });
  for (const [i, type] of TYPES.entries()) {
    const number = { $set: { number: i + 1 } };
    await db.collection('auditcontenttypes').updateOne(named(type), number, { upsert: true });
  }
}
