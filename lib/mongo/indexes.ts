import type { Schema } from 'mongoose';
import { auditEventSchema } from '../../models/audit-event';
import { contentTypeSchema } from '../../models/content-type';
import { AuditError, type Reporter } from '../errors';
import type { StoreConnection } from './connection';
import { isUnavailable, label } from './errors';
import type { CollectionNames } from './names';

interface Index {
  readonly key: Readonly<Record<string, 1 | -1>>;
}

function indexesOf(schema: Pick<Schema, 'indexes'>): Index[] {
  return schema.indexes().map(([key, options]) => {
    const { background: _, ...rest } = options as Record<string, unknown>;
    return { ...rest, key: key as Index['key'] };
  });
}

/** Creates the indexes at the first connection, and goes on at the next one when MongoDB went away meanwhile. */
export class Indexes {
  private running: Promise<void> | null = null;

  constructor(
    private readonly connection: StoreConnection,
    private readonly names: CollectionNames,
    private readonly reporter: Reporter,
  ) {}

  /** Never rejects: what could not be created is reported. */
  ensure(): Promise<void> {
    this.running ??= this.createAll().catch((cause) => {
      this.running = null;
      this.report('Indexes', cause);
    });
    return this.running;
  }

  private async createAll(): Promise<void> {
    await this.create(this.names.events, indexesOf(auditEventSchema));
    await this.create(this.names.contentTypes, indexesOf(contentTypeSchema as Pick<Schema, 'indexes'>));
  }

  /** All at once; where MongoDB refuses one of them, beside an index of the user's, each by itself. */
  private async create(collection: string, indexes: readonly Index[]): Promise<void> {
    try {
      await this.connection.db.collection(collection).createIndexes([...indexes]);
    } catch (cause) {
      const [index] = indexes;
      if (index === undefined || isUnavailable(cause)) throw cause;
      if (indexes.length > 1) for (const one of indexes) await this.create(collection, [one]);
      else this.report(`Index ${JSON.stringify(index.key)} of ${collection}`, cause);
    }
  }

  private report(what: string, cause: unknown): void {
    if (this.connection.isClosed) return;
    const message = `${what} could not be created (${label(cause)}); queries may be slow. Create what is missing, or set ensureIndexes: false.`;
    this.reporter.error(new AuditError('AUDIT_INDEXES_FAILED', message, { cause }));
  }
}
