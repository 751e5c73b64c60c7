import mongoose, { type Connection } from 'mongoose';
import { AuditError, AuditOptionError, type Reporter } from '../errors';
import { label } from './errors';

export type Driver = typeof mongoose.mongo;
export type Db = NonNullable<Connection['db']>;
type MongoClient = ReturnType<Connection['getClient']>;

const CONNECTED = 1;
const SELECTION_TIMEOUT_MS = 4_000;
const CONNECT_TIMEOUT_MS = 10_000;
const CLOSE_MS = 1_000;
const RECONNECT_MS = [100, 500, 1_000, 2_000] as const;
/** A server is asked whether it lives after this time, and has this time to answer: 503 within 5 seconds. */
const PROBE_AFTER_MS = 2_500;
const PROBE_TIMEOUT_MS = 1_500;

/** Values come back as plain JavaScript, whatever the options of a connection that was handed in. */
export const READ_OPTIONS = {
  promoteLongs: true,
  promoteValues: true,
  promoteBuffers: false,
  useBigInt64: false,
  bsonRegExp: false,
  raw: false,
} as const;

/** Documents hold `undefined` where nothing is to be stored. */
export const WRITE_OPTIONS = { ...READ_OPTIONS, ignoreUndefined: true } as const;

const unavailable = (): AuditError => new AuditError('AUDIT_STORE_UNAVAILABLE', 'MongoDB is not reachable.');

export interface ConnectionParts {
  readonly mongo: string | Connection;
  readonly reporter: Reporter;
}

/** The audit's way to MongoDB: a connection of its own, opened again for as long as it takes, or the user's. */
export class StoreConnection {
  private readonly connection: Connection;
  private readonly uri: string | null;
  private readonly opened: Promise<void>;
  private readonly listeners: (() => void)[] = [];
  private markOpened: () => void = () => {};
  private hasClosed = false;
  private retry: NodeJS.Timeout | undefined;
  private readonly announce = (): void => {
    this.markOpened();
    for (const listener of this.listeners) listener();
  };

  constructor(private readonly parts: ConnectionParts) {
    this.uri = typeof parts.mongo === 'string' ? parts.mongo : null;
    // a mongoose of its own: the app's mongoose.disconnect() does not reach it
    this.connection = typeof parts.mongo === 'string' ? createOwn(parts.mongo) : parts.mongo;
    this.opened = new Promise((resolve) => {
      this.markOpened = resolve;
    });
    this.connection.on('connected', this.announce);
    this.connection.on('reconnected', this.announce);
    if (this.isConnected) this.announce();
  }

  start(): void {
    if (this.uri !== null) void this.open(this.uri, 0);
  }

  private async open(uri: string, failures: number): Promise<void> {
    try {
      await this.connection.openUri(uri, ownOptions(uri));
    } catch (cause) {
      if (this.hasClosed) return;
      const message = `MongoDB cannot be reached (${label(cause)}); events wait in memory until it can.`;
      this.parts.reporter.error(new AuditError('AUDIT_STORE_UNAVAILABLE', message, { cause }));
      const delay = RECONNECT_MS[Math.min(failures, RECONNECT_MS.length - 1)];
      this.retry = setTimeout(() => void this.open(uri, failures + 1), delay).unref();
    }
  }

  get isConnected(): boolean {
    return this.connection.readyState === CONNECTED && this.connection.db !== undefined;
  }

  get isClosed(): boolean {
    return this.hasClosed;
  }

  onReachable(listener: () => void): void {
    this.listeners.push(listener);
  }

  /** Resolves at the first connection, or when closed. */
  whenOpened(): Promise<void> {
    return this.opened;
  }

  /** Classes of the very driver that serves the connection: those of another major are refused. */
  get driver(): Driver {
    return (this.connection.base as unknown as { mongo?: Driver } | undefined)?.mongo ?? mongoose.mongo;
  }

  /** @throws {AuditError} `AUDIT_STORE_UNAVAILABLE` while there is no connection */
  get db(): Db {
    const { db } = this.connection;
    if (!this.isConnected || db === undefined) throw unavailable();
    return db;
  }

  /**
   * The database once it was opened, also while it is out of reach: an operation makes the driver look for it.
   *
   * @throws {AuditError} `AUDIT_STORE_UNAVAILABLE` before the first connection
   */
  get openedDb(): Db {
    const { db } = this.connection;
    if (db === undefined) throw unavailable();
    return db;
  }

  /** An operation's answer, or `AUDIT_STORE_UNAVAILABLE` within 5 seconds when the server stopped answering. */
  async probed<T>(operation: (db: Db) => Promise<T>): Promise<T> {
    const { db } = this;
    let timer: NodeJS.Timeout | undefined;
    let isOver = false;
    const watch = new Promise<never>((_, reject) => {
      const probe = (): void => {
        ping(db).then(() => {
          if (!isOver) timer = setTimeout(probe, PROBE_AFTER_MS).unref();
        }, reject);
      };
      timer = setTimeout(probe, PROBE_AFTER_MS).unref();
    });
    try {
      return await Promise.race([operation(db), watch]);
    } finally {
      isOver = true;
      clearTimeout(timer);
      watch.catch(() => {});
    }
  }

  async close(): Promise<void> {
    this.hasClosed = true;
    clearTimeout(this.retry);
    this.connection.off('connected', this.announce);
    this.connection.off('reconnected', this.announce);
    this.markOpened();
    if (this.uri !== null) await this.closeOwn();
  }

  /** Waits a moment only: a driver that closes asks the server, which may be frozen or out of reach. */
  private async closeOwn(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const moment = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, CLOSE_MS);
    });
    const client: MongoClient | undefined = this.connection.getClient();
    const closed = (async () => {
      // the client first: mongoose waits for a connection that is being opened
      await client?.close(true);
      await this.connection.close(true);
    })().catch(() => {});
    await Promise.race([closed, moment]);
    clearTimeout(timer);
  }
}

async function ping(db: Db): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(unavailable()), PROBE_TIMEOUT_MS).unref();
  });
  try {
    await Promise.race([db.command({ ping: 1 }), late]);
  } catch {
    throw unavailable();
  } finally {
    clearTimeout(timer);
  }
}

/** @throws {AuditOptionError} when the URI cannot be parsed; the message leaves the URI out, it holds a password */
function createOwn(uri: string): Connection {
  try {
    // parses only; nothing is opened before `connect`
    new mongoose.mongo.MongoClient(uri);
  } catch (error) {
    throw new AuditOptionError(
      'AUDIT_INVALID_OPTION',
      `Option 'mongo' is wrong: the URI cannot be parsed (${label(error)}). Percent-encode what is reserved in its user name and password, and check its options.`,
    );
  }
  const connection = new mongoose.Mongoose().createConnection();
  connection.on('error', () => {});
  return connection;
}

function ownOptions(uri: string): Record<string, unknown> {
  const options: Record<string, unknown> = { bufferCommands: false, autoIndex: false, autoCreate: false };
  const defaults = {
    serverSelectionTimeoutMS: SELECTION_TIMEOUT_MS,
    connectTimeoutMS: CONNECT_TIMEOUT_MS,
    heartbeatFrequencyMS: 2_000,
    appName: 'express-audit-events',
  };
  for (const [name, value] of Object.entries(defaults)) {
    if (!uri.toLowerCase().includes(`${name.toLowerCase()}=`)) options[name] = value;
  }
  return options;
}
