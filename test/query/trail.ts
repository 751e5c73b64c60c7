import { randomUUID } from 'node:crypto';
import mongoose, { type Connection } from 'mongoose';
import { type Audit, type Reader, staticTokens } from '../../lib/index';
import { freshUri, startApp, type TestApp, type TestAppOptions } from '../support/app';

/** Readers by their tokens; the tokens are fake. */
export const READERS = {
  'fake-token-all': { id: 'auditor', tenants: '*' },
  'fake-token-a': { id: 'reader-a', tenants: ['a'] },
  'fake-token-a-b': { id: 'reader-a-b', tenants: ['a', 'b'] },
  'fake-token-empty': { id: 'reader-empty', tenants: [] },
  'fake-token-absent': { id: 'reader-absent' },
  'fake-token-no-payload': { id: 'reader-no-payload', tenants: '*', fields: 'no-payload' },
} as const satisfies Record<string, Reader>;
export type Token = keyof typeof READERS;
export const authenticate = staticTokens(READERS);

interface Closable {
  close(): Promise<unknown>;
}
const open: Closable[] = [];

/** Closes it after all tests of the file, also when one of them fails. */
export function closedAtEnd<T extends Closable>(resource: T): T {
  open.push(resource);
  return resource;
}
afterAll(async () => {
  for (const resource of open.reverse()) await resource.close();
});

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: unknown;
}

export interface Ask extends Omit<RequestInit, 'headers'> {
  /** @default the reader of all tenants; null for no Authorization header */
  readonly as?: Token | null;
  /** @default 'Token' */
  readonly scheme?: 'Token' | 'Bearer';
  readonly headers?: Readonly<Record<string, string>>;
}

export async function ask(
  url: string,
  { as = 'fake-token-all', scheme = 'Token', headers, ...init }: Ask = {},
): Promise<Answer> {
  const authorization: Record<string, string> = as === null ? {} : { Authorization: `${scheme} ${as}` };
  const response = await fetch(url, { ...init, headers: { ...authorization, ...headers } });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: text === '' ? undefined : JSON.parse(text),
  };
}

/** Headers of an answer but for those that differ from one time to the next. */
export function headersOf({ headers }: Answer): Readonly<Record<string, string>> {
  const {
    date: _,
    connection: __,
    'keep-alive': ___,
    'x-audit-id': ____,
    ...rest
  } = Object.fromEntries(headers);
  return rest;
}

export interface Trail extends TestApp {
  /** Asks for a path below the mount, `/audit-events`. */
  get(path: string, options?: Ask): Promise<Answer>;
  /** The audit's database, by a connection of the test's own. */
  readonly connection: Connection;
  /** Stores documents as they are, with content types numbered as the library does it. */
  store(rows: readonly Row[]): Promise<void>;
}

export interface Row {
  readonly uuid: string;
  readonly timestamp: Date;
  readonly user?: string | null;
  readonly type?: string;
  readonly objectId?: string;
  readonly url?: string | null;
  readonly remoteAddr?: string | null;
  readonly tenant?: string | null;
  /** Instead of `user`. */
  readonly actor?: {
    readonly id: string | null;
    readonly email: string | null;
    readonly name: string | null;
  };
  readonly id?: number;
  /** Any other field, as it is stored. */
  readonly stored?: Readonly<Record<string, unknown>>;
}

export function row(timestamp: number | string, rest: Omit<Partial<Row>, 'timestamp'> = {}): Row {
  return { uuid: randomUUID(), timestamp: new Date(timestamp), ...rest };
}

const binary = (uuid: string) => new mongoose.mongo.UUID(uuid).toBinary();
let lastId = 1_000_000;

/** An event as `event.md` stores it; fields that are null are left out. */
function documentOf({ uuid, timestamp, user, actor, type = 'things', objectId = '1', stored, ...rest }: Row) {
  lastId += 1;
  const present = Object.entries(rest).filter(([, value]) => value !== null && value !== undefined);
  return {
    _id: binary(uuid),
    id: lastId,
    writer: binary(uuid),
    sequence: lastId,
    version: 1,
    timestamp,
    recordedAt: timestamp,
    kind: 'event',
    status: 'success',
    commitId: binary(uuid),
    requestId: uuid,
    action: 'access',
    name: 'Stored',
    system: false,
    object: { type, id: objectId },
    postDataState: 'absent',
    ...(typeof user === 'string' && { user: { id: user, email: null, name: null } }),
    ...(actor !== undefined && { user: actor }),
    ...Object.fromEntries(present),
    ...stored,
  };
}

/** Has the library hand out numbers for types, by events that are taken away again. */
async function numberTypes(audit: Audit, connection: Connection, types: Iterable<string>): Promise<void> {
  const uuids = [...new Set(types)].map((type) =>
    audit.record({ name: 'Numbered', object: { type, id: '1' } }),
  );
  await audit.flush();
  const events = connection.db?.collection('auditevents');
  await events?.deleteMany({ _id: { $in: uuids.map(binary) as never[] } });
}

/** Documents of hand-made events, beside those that were recorded. */
export async function storeRows(audit: Audit, connection: Connection, rows: readonly Row[]): Promise<void> {
  await numberTypes(
    audit,
    connection,
    rows.map(({ type = 'things' }) => type),
  );
  if (rows.length === 0) return;
  await connection.db?.collection('auditevents').insertMany(rows.map(documentOf) as never[]);
}

/**
 * A real app whose trail is served at `/audit-events`; nothing is recorded but what the test records,
 * not even what it reads.
 * Closed after all tests of the file.
 */
export async function startTrail({
  build = (app, audit) => void app.use('/audit-events', audit.router({ authenticate })),
  options,
  ...rest
}: Partial<TestAppOptions> = {}): Promise<Trail> {
  const mongo = options?.mongo ?? freshUri();
  const connection = typeof mongo === 'string' ? closedAtEnd(mongoose.createConnection(mongo)) : mongo;
  const app = closedAtEnd(
    await startApp({ ...rest, options: { auditReads: false, ...options, mongo }, build }),
  );
  await Promise.all([app.audit.ready(), connection.asPromise()]);
  return {
    ...app,
    connection,
    get: (path, init) => ask(`${app.url}/audit-events${path}`, init),
    store: (rows) => storeRows(app.audit, connection, rows),
  };
}
