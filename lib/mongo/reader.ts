import { AuditError } from '../errors';
import type { StoredEvent } from '../event';
import type { AuditEventFilter, Page, Position, Scope, Sort, Walk } from '../query/filter';
import type { EventReader, ReadLimits, WalkedPage } from '../store';
import { type Db, READ_OPTIONS, type StoreConnection } from './connection';
import type { ContentTypes } from './content-types';
import { type Document, fromDocument } from './document';
import { toReadError } from './errors';
import type { Ids } from './ids';
import type { CollectionNames } from './names';
import { beyond, type Query, throughIndex, toQuery, toSort } from './query';

const NO_FILTER: AuditEventFilter = { where: [] };

export interface MongoReaderParts {
  readonly connection: StoreConnection;
  readonly names: CollectionNames;
  readonly ids: Ids;
  readonly contentTypes: ContentTypes;
}

interface FindOptions {
  readonly sort: Record<string, 1 | -1>;
  readonly skip?: number;
  readonly limit: number;
}

export class MongoReader implements EventReader {
  constructor(private readonly parts: MongoReaderParts) {}

  private query(db: Db, scope: Scope, filter: AuditEventFilter, { maxTimeMS }: ReadLimits): Promise<Query> {
    const { connection, contentTypes } = this.parts;
    const typeOf = (number: number) => contentTypes.typeOf(db, number, maxTimeMS);
    return toQuery({ driver: connection.driver, typeOf }, scope, filter);
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

  private async documents(db: Db, query: Query, options: FindOptions, { maxTimeMS }: ReadLimits) {
    const documents = await this.events(db)
      .find(query, { ...READ_OPTIONS, ...options, maxTimeMS, allowDiskUse: true, readPreference: 'primary' })
      .toArray();
    return documents.map(fromDocument);
  }

  find(
    scope: Scope,
    filter: AuditEventFilter,
    sort: Sort,
    page: Page,
    limits: ReadLimits,
  ): Promise<readonly StoredEvent[]> {
    return this.read(async (db) => {
      const query = {
        $and: [await this.query(db, scope, filter, limits), throughIndex(scope, filter, 'find')],
      };
      const { skip, limit } = page;
      return this.documents(db, query, { sort: toSort(sort), skip, limit }, limits);
    });
  }

  walk(scope: Scope, filter: AuditEventFilter, walk: Walk, limits: ReadLimits): Promise<WalkedPage> {
    const { from, limit } = walk;
    const isBackward = from?.side === 'before';
    const descending = walk.descending !== isBackward;
    return this.read(async (db) => {
      // first the safe point, then what lies below it: nothing can appear there any more
      const until = from?.until ?? (await this.parts.ids.safePoint(db));
      const query = await this.query(db, scope, filter, limits);
      const ranges =
        from === null
          ? [throughIndex(scope, filter, 'find')]
          : beyond(this.parts.connection.driver, from, descending);
      // one more than is shown says whether there are more
      const options = { sort: toSort([{ field: 'timestamp', descending }]), limit: limit + 1 };
      const read = (range: Query) =>
        this.documents(db, { $and: [query, { id: { $lte: until } }, range] }, options, limits);
      const found = (await Promise.all(ranges.map(read))).flat();
      const hasMore = found.length > limit;
      const events = found.slice(0, limit);
      if (isBackward) events.reverse();
      return pageOf(events, walk, until, isBackward ? { before: hasMore } : { after: hasMore });
    });
  }

  async count(scope: Scope, filter: AuditEventFilter, limits: ReadLimits): Promise<number> {
    try {
      return await this.read(async (db) => {
        const query = await this.query(db, scope, filter, limits);
        const options = { ...READ_OPTIONS, maxTimeMS: limits.maxTimeMS, readPreference: 'primary' } as const;
        return this.events(db).countDocuments(
          { $and: [query, throughIndex(scope, filter, 'count')] },
          options,
        );
      });
    } catch (error) {
      if (!(error instanceof AuditError) || error.code !== 'AUDIT_STORE_TIMEOUT') throw error;
      throw new AuditError('AUDIT_STORE_TIMEOUT', 'Counting the events took longer than maxTimeMS.', {
        cause: 'count',
      });
    }
  }

  async get(scope: Scope, uuid: string, limits: ReadLimits): Promise<StoredEvent | null> {
    const filter: AuditEventFilter = { ...NO_FILTER, where: [{ field: 'uuid', op: 'eq', value: uuid }] };
    const [event] = await this.find(scope, filter, [], { skip: 0, limit: 1 }, limits);
    return event ?? null;
  }

  contentTypes(types: readonly string[], limits: ReadLimits): Promise<ReadonlyMap<string, number>> {
    return this.read((db) => this.parts.contentTypes.numbers(db, types, limits.maxTimeMS));
  }

  safePoint(): Promise<number> {
    return this.read((db) => this.parts.ids.safePoint(db));
  }
}

const LAST_UUID = 2n ** 128n - 1n;

/** The place next to a position in the order of timestamp and uuid, so that the event itself lies on its other side. */
function nextTo({ timestamp, uuid }: Position, isUp: boolean): Pick<Position, 'timestamp' | 'uuid'> {
  const step = isUp ? 1 : -1;
  const next = BigInt(`0x${uuid.replaceAll('-', '')}`) + BigInt(step);
  const hex = (next & LAST_UUID).toString(16).padStart(32, '0');
  return {
    timestamp: next < 0n || next > LAST_UUID ? timestamp + step : timestamp,
    uuid: hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'),
  };
}

/** On the side that the walk came from there is the event which it stood at. */
function pageOf(
  events: readonly StoredEvent[],
  { from, descending }: Walk,
  until: number,
  { before = from !== null, after = from !== null }: { readonly before?: boolean; readonly after?: boolean },
): WalkedPage {
  const [first, last] = [events[0], events.at(-1)];
  if (first === undefined || last === undefined) {
    if (from === null) return { events, before: null, after: null };
    // the way back leads to the event itself
    const back = { ...nextTo(from, (from.side === 'after') !== descending), until };
    return from.side === 'after'
      ? { events, before: { side: 'before', ...back }, after: null }
      : { events, before: null, after: { side: 'after', ...back } };
  }
  const at = ({ timestamp, uuid }: StoredEvent) => ({ timestamp: timestamp.getTime(), uuid, until });
  return {
    events,
    before: before ? { side: 'before', ...at(first) } : null,
    after: after ? { side: 'after', ...at(last) } : null,
  };
}
