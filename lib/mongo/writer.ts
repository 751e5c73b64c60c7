import type { Schema } from 'mongoose';
import { auditEventSchema } from '../../models/audit-event';
import { contentTypeSchema } from '../../models/content-type';
import { AuditError, type Reporter } from '../errors';
import type { AcceptedEvent } from '../event';
import type { EventWriter, InsertResult } from '../store';
import { type Db, READ_OPTIONS, type StoreConnection } from './connection';
import type { ContentTypes } from './content-types';
import { type Document, toBinary, toDocument } from './document';
import { isTransientCode, toWriteError } from './errors';
import type { Ids } from './ids';
import type { CollectionNames } from './names';

const MAX_TIME_MS = 20_000;
/** An attempt that has not been answered by now has an unknown result. */
const ATTEMPT_MS = 60_000;
const MAJORITY = { w: 'majority', wtimeout: 20_000 } as const;
const DUPLICATE_KEY = 11_000;

interface WriteError {
  readonly index: number;
  readonly code: number;
  readonly keyPattern?: Readonly<Record<string, unknown>>;
}

interface InsertReply {
  readonly writeErrors?: readonly WriteError[];
  readonly writeConcernError?: { readonly code: number };
}

export interface MongoWriterParts {
  readonly connection: StoreConnection;
  readonly names: CollectionNames;
  readonly ids: Ids;
  readonly contentTypes: ContentTypes;
  readonly reporter: Reporter;
  readonly ensureIndexes: boolean;
}

function withTimeout<T>(attempt: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const message = `MongoDB has not answered for ${ATTEMPT_MS / 1_000} seconds; the events are offered again.`;
    timer = setTimeout(() => reject(new AuditError('AUDIT_STORE_UNAVAILABLE', message)), ATTEMPT_MS).unref();
  });
  return Promise.race([attempt, late]).finally(() => clearTimeout(timer));
}

/** Writes by the raw insert command: its reply says which key a duplicate violated, the driver's errors do not. */
export class MongoWriter implements EventWriter {
  /** True while events may still appear under ids of an attempt whose result is unknown. */
  private isUnresolved = false;
  private hasBlock = false;
  private readonly isReady: Promise<void>;

  constructor(private readonly parts: MongoWriterParts) {
    this.isReady = parts.connection.whenOpened().then(() => this.createIndexes());
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

  private async createIndexes(): Promise<void> {
    const { connection, names, ensureIndexes, reporter } = this.parts;
    if (!ensureIndexes || !connection.isConnected) return;
    const create = async (collection: string, schema: Pick<Schema, 'indexes'>): Promise<void> => {
      const indexes = schema.indexes().map(([key, options]) => {
        const { background: _, ...rest } = options as Document;
        return { ...rest, key: key as Record<string, 1 | -1> };
      });
      await connection.db.collection(collection).createIndexes(indexes);
    };
    try {
      await create(names.events, auditEventSchema);
      await create(names.contentTypes, contentTypeSchema as unknown as Pick<Schema, 'indexes'>);
    } catch (cause) {
      const name = cause instanceof Error ? cause.name : 'Error';
      const message = `Indexes could not be created (${name}); queries may be slow. Create them, or set ensureIndexes: false.`;
      reporter.error(new AuditError('AUDIT_INDEXES_FAILED', message, { cause }));
    }
  }

  async insert(batch: readonly AcceptedEvent[]): Promise<readonly InsertResult[]> {
    try {
      return await withTimeout(this.attempt(batch));
    } catch (error) {
      throw toWriteError(error);
    }
  }

  private async attempt(batch: readonly AcceptedEvent[]): Promise<readonly InsertResult[]> {
    const { connection, ids, contentTypes } = this.parts;
    const { db } = connection;
    await contentTypes.register(
      db,
      batch.map(({ object }) => object.type),
    );
    const first = await ids.allocate(db, batch.length, this.isUnresolved);
    this.hasBlock = true;
    this.isUnresolved = true;
    const recordedAt = new Date();
    const documents = batch.map((event, i) => toDocument(connection.driver, event, first + i, recordedAt));
    const reply = await this.send(db, documents);
    const results = await this.resultsOf(db, reply, batch, first + batch.length - 1);
    this.isUnresolved = false;
    return results;
  }

  private async send(db: Db, documents: readonly Document[]): Promise<InsertReply> {
    const command = {
      insert: this.parts.names.events,
      documents,
      ordered: false,
      maxTimeMS: MAX_TIME_MS,
      writeConcern: MAJORITY,
    };
    try {
      return (await db.command(command, READ_OPTIONS)) as InsertReply;
    } catch (error) {
      // encoding fails before anything is sent: no event can appear under these ids
      if (toWriteError(error).code === 'AUDIT_STORE_REJECTED') this.isUnresolved = false;
      throw error;
    }
  }

  private async resultsOf(
    db: Db,
    reply: InsertReply,
    batch: readonly AcceptedEvent[],
    lastId: number,
  ): Promise<readonly InsertResult[]> {
    if (reply.writeConcernError !== undefined) {
      throw new AuditError(
        'AUDIT_STORE_UNAVAILABLE',
        `No majority has the events yet (${reply.writeConcernError.code}).`,
      );
    }
    const results: InsertResult[] = batch.map(() => ({ outcome: 'stored' }));
    for (const { index, code, keyPattern } of reply.writeErrors ?? []) {
      if (isTransientCode(code))
        throw new AuditError('AUDIT_STORE_UNAVAILABLE', `MongoDB could not take an event (${code}).`);
      if (code !== DUPLICATE_KEY) {
        results[index] = { outcome: 'refused', reason: `MongoDB error ${code}` };
      } else if (keyPattern !== undefined && 'id' in keyPattern) {
        await this.raiseCounter(db, lastId);
      } else if (keyPattern === undefined || !('_id' in keyPattern)) {
        // a unique index that somebody added
        results[index] = { outcome: 'refused', reason: 'MongoDB error 11000 on a unique index of yours' };
      }
    }
    return results;
  }

  /** Ids that are in use already: the counter was restored from a backup. Fresh ones are taken on the next attempt. */
  private async raiseCounter(db: Db, lastId: number): Promise<never> {
    const options = {
      ...READ_OPTIONS,
      sort: { id: -1 },
      projection: { id: 1 },
      maxTimeMS: MAX_TIME_MS,
    } as const;
    const highest = await db.collection(this.parts.names.events).findOne({}, options);
    await this.parts.ids.raise(db, Math.max(lastId, Number(highest?.id ?? 0)));
    throw new AuditError(
      'AUDIT_STORE_UNAVAILABLE',
      'The counter of ids was behind the events; it was raised.',
    );
  }

  async quarantine(event: AcceptedEvent, reason: string): Promise<void> {
    const { connection, names } = this.parts;
    try {
      const _id = toBinary(connection.driver, event.uuid) as never;
      // as text: whatever made MongoDB refuse it cannot do so here
      const document = { _id, reason, quarantinedAt: new Date(), event: JSON.stringify(event) };
      await withTimeout(
        connection.db
          .collection(names.quarantine)
          .insertOne(document, { writeConcern: MAJORITY, maxTimeMS: MAX_TIME_MS }),
      );
    } catch (error) {
      if ((error as { code?: unknown }).code === DUPLICATE_KEY) return;
      throw toWriteError(error);
    }
  }

  async idle(): Promise<void> {
    if (!this.hasBlock || this.isUnresolved || !this.isConnected) return;
    try {
      await withTimeout(this.parts.ids.release(this.parts.connection.db));
      this.hasBlock = false;
    } catch {
      // the block expires, or the next one replaces it
    }
  }

  close(): Promise<void> {
    return this.parts.connection.close();
  }
}
