import { AuditError, type Reporter } from '../errors';
import type { AuditEvent } from '../event';
import type { EventBytes } from '../journal';
import type { EventWriter, InsertResult, PreparedEvent } from '../store';
import { type Db, READ_OPTIONS, type StoreConnection, WRITE_OPTIONS } from './connection';
import type { ContentTypes } from './content-types';
import { Deadline } from './deadline';
import { stamp } from './encode-event';
import { isDriverError, isTransientCode, refused, toWriteError } from './errors';
import type { Ids } from './ids';
import { Indexes } from './indexes';
import type { CollectionNames } from './names';
import { Preparation } from './prepare';
import { storeInQuarantine } from './quarantine';
import { createToDocuments, type ToDocuments } from './raw-documents';

const MAX_TIME_MS = 20_000;
/** An attempt that has not been answered by now has an unknown result. */
const ATTEMPT_MS = 60_000;
const MAJORITY = { w: 'majority', wtimeout: 20_000 } as const;
const DUPLICATE_KEY = 11_000;
const VALIDATION_FAILED = 121;

interface WriteError {
  readonly index: number;
  readonly code: number;
  readonly keyPattern?: Readonly<Record<string, unknown>>;
}

interface InsertReply {
  readonly n?: number;
  readonly writeErrors?: readonly WriteError[];
  readonly writeConcernError?: { readonly code: number };
}

export interface MongoWriterParts {
  readonly connection: StoreConnection;
  readonly names: CollectionNames;
  /** UUID of this process's events. */
  readonly writerId: string;
  readonly ids: Ids;
  readonly contentTypes: ContentTypes;
  readonly reporter: Reporter;
  readonly ensureIndexes: boolean;
  /** Time of one attempt, in milliseconds. @default 60000 (60 seconds) */
  readonly attemptMs?: number;
}

function unknownResult(message: string): AuditError {
  return new AuditError('AUDIT_STORE_UNAVAILABLE', message);
}

function reasonOf({ code, keyPattern = {} }: WriteError): string {
  if (code === VALIDATION_FAILED) return 'MongoDB error 121, by the validator of the collection';
  if (code !== DUPLICATE_KEY) return `MongoDB error ${code}`;
  return `MongoDB error 11000, by a unique index of yours on ${Object.keys(keyPattern).join(', ')}`;
}

/** Writes by the raw insert command: its reply says which key a duplicate violated, the driver's errors do not. */
export class MongoWriter implements EventWriter {
  /** Events that may still appear under ids of an attempt whose result is unknown. */
  private readonly unresolved = new Set<string>();
  private readonly preparation: Preparation;
  private toDocuments: ToDocuments | undefined;
  private readonly indexes: Indexes;
  private readonly isReady: Promise<void>;

  constructor(private readonly parts: MongoWriterParts) {
    const { connection, names, reporter, writerId } = parts;
    this.preparation = new Preparation(writerId);
    this.indexes = new Indexes(connection, names, reporter);
    this.isReady = connection.whenOpened().then(() => this.ensureIndexes());
    connection.onReachable(() => void this.ensureIndexes());
  }

  start(): void {
    this.parts.connection.start();
  }

  ready(): Promise<void> {
    return this.isReady;
  }

  get isConnected(): boolean {
    return this.parts.connection.isConnected;
  }

  onReachable(listener: () => void): void {
    this.parts.connection.onReachable(listener);
  }

  private async ensureIndexes(): Promise<void> {
    if (this.parts.ensureIndexes && this.isConnected) await this.indexes.ensure();
  }

  private deadline(): Deadline {
    return new Deadline(this.parts.attemptMs ?? ATTEMPT_MS);
  }

  prepare(event: AuditEvent, writer?: string): PreparedEvent {
    return this.preparation.prepare(event, writer);
  }

  amend(prepared: PreparedEvent, event: AuditEvent): PreparedEvent | null {
    return this.preparation.amend(prepared, event);
  }

  restore(event: EventBytes): PreparedEvent {
    return this.preparation.restore(event);
  }

  async insert(batch: readonly PreparedEvent[]): Promise<readonly InsertResult[]> {
    const encoded = batch.filter(({ body }) => body !== null);
    if (encoded.length === batch.length) return this.insertEncoded(batch);
    const results = encoded.length === 0 ? [] : [...(await this.insertEncoded(encoded))];
    return batch.map(({ refusal }) => {
      if (refusal !== null) return { outcome: 'refused', reason: refusal.reason };
      return results.shift() as InsertResult;
    });
  }

  private async insertEncoded(batch: readonly PreparedEvent[]): Promise<readonly InsertResult[]> {
    const deadline = this.deadline();
    try {
      return await deadline.limit(this.attempt(batch, deadline));
    } catch (error) {
      const problem = this.diagnose(error, batch);
      if (problem.code !== 'AUDIT_STORE_REJECTED') for (const { uuid } of batch) this.unresolved.add(uuid);
      throw problem;
    }
  }

  private async attempt(
    batch: readonly PreparedEvent[],
    deadline: Deadline,
  ): Promise<readonly InsertResult[]> {
    const { connection, ids, contentTypes } = this.parts;
    await connection.whenOpened();
    const db = connection.openedDb;
    await contentTypes.register(
      db,
      batch.map(({ objectType }) => objectType),
    );
    deadline.check();
    const first = await ids.allocate(db, batch.length);
    deadline.check();
    const recordedAt = new Date();
    const bodies = batch.map(({ body, sequence }, i) => {
      stamp(body as Buffer, { id: first + i, sequence, recordedAt });
      return body as Buffer;
    });
    const reply = await this.send(db, this.documents(bodies));
    const results = await this.resultsOf(db, reply, batch, first + batch.length - 1);
    deadline.check();
    for (const { uuid } of batch) this.unresolved.delete(uuid);
    if (this.unresolved.size === 0) ids.settle();
    return results;
  }

  private documents(bodies: readonly Buffer[]): unknown {
    this.toDocuments ??= createToDocuments(this.parts.connection.driver);
    return this.toDocuments(bodies);
  }

  private async send(db: Db, documents: unknown): Promise<InsertReply> {
    const command = {
      insert: this.parts.names.events,
      documents,
      ordered: false,
      maxTimeMS: MAX_TIME_MS,
      writeConcern: MAJORITY,
    };
    return (await db.command(command, WRITE_OPTIONS)) as InsertReply;
  }

  private async resultsOf(
    db: Db,
    { n = 0, writeErrors = [], writeConcernError }: InsertReply,
    batch: readonly PreparedEvent[],
    lastId: number,
  ): Promise<readonly InsertResult[]> {
    if (writeConcernError !== undefined)
      throw unknownResult(`No majority has the events yet (${writeConcernError.code}).`);
    if (n + writeErrors.length !== batch.length)
      throw unknownResult('MongoDB did not say what became of each event.');
    const results: InsertResult[] = batch.map(() => ({ outcome: 'stored' }));
    for (const error of writeErrors) {
      const { index, code, keyPattern = {} } = error;
      if (isTransientCode(code)) throw unknownResult(`MongoDB could not take an event (${code}).`);
      const isDuplicate = code === DUPLICATE_KEY;
      if (isDuplicate && 'id' in keyPattern) await this.raiseCounter(db, lastId);
      if (!isDuplicate || !('_id' in keyPattern))
        results[index] = { outcome: 'refused', reason: reasonOf(error) };
    }
    return results;
  }

  /** Ids that are in use already: the counter was restored from a backup. Fresh ones are taken on the next attempt. */
  private async raiseCounter(db: Db, lastId: number): Promise<never> {
    const highest = await db.collection(this.parts.names.events).findOne(
      {},
      {
        ...READ_OPTIONS,
        readPreference: 'primary',
        sort: { id: -1 },
        projection: { id: 1 },
        maxTimeMS: MAX_TIME_MS,
      },
    );
    await this.parts.ids.raise(db, Math.max(lastId, Number(highest?.id ?? 0)));
    throw unknownResult('The counter of ids was behind the events; it was raised.');
  }

  /** What a failed attempt says: refused for what one of the events is, or else a result that nobody knows. */
  private diagnose(error: unknown, batch: readonly PreparedEvent[]): AuditError {
    if (error instanceof AuditError || isDriverError(error)) return toWriteError(error);
    // thrown by encoding, or by a driver in disarray: only an event by itself can tell
    const [event] = batch;
    const isRefused = batch.length > 1 || (event !== undefined && !this.canEncode(event));
    return isRefused ? refused(error) : toWriteError(error);
  }

  private canEncode({ body }: PreparedEvent): boolean {
    const { driver } = this.parts.connection;
    try {
      driver.BSON.serialize({ insert: '', documents: this.documents([body as Buffer]) });
      return true;
    } catch {
      return false;
    }
  }

  async quarantine(event: PreparedEvent, reason: string): Promise<void> {
    const { connection, names, writerId } = this.parts;
    try {
      await this.deadline().limit(
        storeInQuarantine(connection, names.quarantine, event, { writerId, reason }),
      );
    } catch (error) {
      throw toWriteError(error);
    }
  }

  async idle(): Promise<void> {
    const { connection, ids } = this.parts;
    try {
      if (this.isConnected) await this.deadline().limit(ids.release(connection.db));
    } catch {
      // the block expires, or the next one replaces it
    }
  }

  close(): Promise<void> {
    return this.parts.connection.close();
  }
}
