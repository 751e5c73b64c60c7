import { AuditError } from '../errors';
import { escapeText } from '../escape';
import type { StoredEvent } from '../event';
import type { AuditEventFilter, Condition, FilterField, Page, Scope, Sort } from '../query/filter';
import type { EventReader, ReadLimits } from '../store';
import { type Db, READ_OPTIONS, type StoreConnection } from './connection';
import type { ContentTypes } from './content-types';
import { type Document, fromDocument, toBinary } from './document';
import { toReadError } from './errors';
import type { Ids } from './ids';
import type { CollectionNames } from './names';

type Query = Record<string, unknown>;

/** Matches no document, and is answered from an index without reading any. */
const NEVER: Query = { _id: { $in: [] } };
/** True of every event. */
const ANY_TIME: Query = { timestamp: { $gte: new Date(-8.64e15) } };
const ANY_OBJECT_ID: Query = { 'object.id': { $gte: '' } };
const PATHS: Readonly<Record<FilterField, string>> = {
  timestamp: 'timestamp',
  'user.id': 'user.id',
  'object.type': 'object.type',
  'object.id': 'object.id',
  url: 'url',
  remoteAddr: 'remoteAddr',
};

export interface MongoReaderParts {
  readonly connection: StoreConnection;
  readonly names: CollectionNames;
  readonly ids: Ids;
  readonly contentTypes: ContentTypes;
}

/** The scope as a condition: an empty list of tenants sees nothing. */
function scopeQuery({ tenants }: Scope): Query {
  if (tenants === '*') return {};
  return tenants.length === 0 ? NEVER : { tenant: { $in: tenants.map(escapeText) } };
}

/** Adds nothing but a way into an index: MongoDB counts there what it would count by reading every document. */
function indexedCount({ tenants }: Scope, conditions: readonly Condition[]): Query {
  const isIndexed =
    tenants !== '*' || conditions.some((one) => one.op === 'never' || one.field !== 'contentType');
  if (isIndexed) return {};
  return conditions.length === 0 ? ANY_TIME : ANY_OBJECT_ID;
}

export class MongoReader implements EventReader {
  constructor(private readonly parts: MongoReaderParts) {}

  /** The one place where the scope is applied: no query is built without it. */
  private async query(
    db: Db,
    scope: Scope,
    conditions: readonly Condition[],
    limits: ReadLimits,
  ): Promise<Query> {
    const own = await Promise.all(conditions.map((condition) => this.condition(db, condition, limits)));
    return { $and: [scopeQuery(scope), ...own] };
  }

  private async condition(db: Db, condition: Condition, limits: ReadLimits): Promise<Query> {
    if (condition.op === 'never') return NEVER;
    if (condition.field === 'contentType') {
      const type = await this.parts.contentTypes.typeOf(db, condition.value, limits.maxTimeMS);
      return type === null ? NEVER : { 'object.type': { $eq: type } };
    }
    const { field, op, value } = condition;
    return { [PATHS[field]]: { [`$${op}`]: typeof value === 'string' ? escapeText(value) : value } };
  }

  private async read<T>(operation: (db: Db) => Promise<T>): Promise<T> {
    try {
      return await this.parts.connection.probed(operation);
    } catch (error) {
      throw toReadError(error);
    }
  }

  private events(db: Db) {
    return db.collection<Document>(this.parts.names.events);
  }

  find(
    scope: Scope,
    filter: AuditEventFilter,
    sort: Sort,
    page: Page,
    limits: ReadLimits,
  ): Promise<readonly StoredEvent[]> {
    const direction = sort.descending ? -1 : 1;
    return this.read(async (db) => {
      const query = await this.query(db, scope, filter.where, limits);
      const documents = await this.events(db)
        .find(query, {
          ...READ_OPTIONS,
          sort: { [PATHS[sort.field]]: direction, _id: direction },
          skip: page.skip,
          limit: page.limit,
          maxTimeMS: limits.maxTimeMS,
          allowDiskUse: true,
          readPreference: 'primary',
        })
        .toArray();
      return documents.map(fromDocument);
    });
  }

  async count(scope: Scope, filter: AuditEventFilter, limits: ReadLimits): Promise<number> {
    try {
      return await this.read(async (db) => {
        const query = await this.query(db, scope, filter.where, limits);
        const options = { ...READ_OPTIONS, maxTimeMS: limits.maxTimeMS, readPreference: 'primary' } as const;
        return this.events(db).countDocuments({ $and: [query, indexedCount(scope, filter.where)] }, options);
      });
    } catch (error) {
      if (!(error instanceof AuditError) || error.code !== 'AUDIT_STORE_TIMEOUT') throw error;
      throw new AuditError('AUDIT_STORE_TIMEOUT', 'Counting the events took longer than maxTimeMS.', {
        cause: 'count',
      });
    }
  }

  get(scope: Scope, uuid: string, limits: ReadLimits): Promise<StoredEvent | null> {
    return this.read(async (db) => {
      const scoped = await this.query(db, scope, [], limits);
      const query = { $and: [{ _id: toBinary(this.parts.connection.driver, uuid) }, scoped] } as Query;
      const options = { ...READ_OPTIONS, maxTimeMS: limits.maxTimeMS, readPreference: 'primary' } as const;
      const document = await this.events(db).findOne(query, options);
      return document === null ? null : fromDocument(document);
    });
  }

  contentTypes(types: readonly string[], limits: ReadLimits): Promise<ReadonlyMap<string, number>> {
    return this.read((db) => this.parts.contentTypes.numbers(db, types, limits.maxTimeMS));
  }

  safePoint(): Promise<number> {
    return this.read((db) => this.parts.ids.safePoint(db));
  }
}
