import { escapeText, unescapeText } from '../escape';
import { type Db, READ_OPTIONS } from './connection';
import type { CollectionNames } from './names';

const COUNTER = 'contenttypes';
const MAJORITY = { w: 'majority', wtimeout: 20_000 } as const;
const MAX_TIME_MS = 20_000;
const DUPLICATE_KEY = 11_000;
/** More types than any app has; where clients can choose them, the registry must not grow for ever. */
const MOST_TYPES = 10_000;

interface ContentType {
  readonly _id: string;
  readonly number: number;
}

/** The registry of content types: a small integer from 1 for each object type, the same for ever. */
export class ContentTypes {
  /** Numbers by the type's stored (escaped) name. */
  private readonly known = new Map<string, number>();

  constructor(private readonly names: CollectionNames) {}

  private registry(db: Db) {
    return db.collection<ContentType>(this.names.contentTypes);
  }

  /** Gives every type its number before an event of that type is stored. Types come escaped, as stored. */
  async register(db: Db, types: Iterable<string>): Promise<void> {
    const unknown = [...new Set(types)].filter((type) => !this.known.has(type));
    if (unknown.length === 0) return;
    await this.load(db, unknown);
    for (const type of unknown) {
      if (!this.known.has(type) && this.known.size < MOST_TYPES)
        this.known.set(type, await this.assign(db, type));
    }
  }

  private async load(db: Db, types: readonly string[]): Promise<void> {
    const rows = await this.registry(db)
      .find(
        { _id: { $in: [...types] } },
        { ...READ_OPTIONS, readPreference: 'primary', maxTimeMS: MAX_TIME_MS },
      )
      .toArray();
    for (const { _id, number } of rows) this.known.set(_id, number);
  }

  private async assign(db: Db, type: string): Promise<number> {
    const counter = await db.collection<{ _id: string; last: number }>(this.names.counters).findOneAndUpdate(
      { _id: COUNTER },
      { $inc: { last: 1 } },
      {
        ...READ_OPTIONS,
        upsert: true,
        returnDocument: 'after',
        includeResultMetadata: false,
        writeConcern: MAJORITY,
        maxTimeMS: MAX_TIME_MS,
      },
    );
    const number = (counter as { last: number } | null)?.last ?? 1;
    try {
      await this.registry(db).insertOne(
        { _id: type, number },
        { writeConcern: MAJORITY, maxTimeMS: MAX_TIME_MS },
      );
      return number;
    } catch (error) {
      if ((error as { code?: unknown }).code !== DUPLICATE_KEY) throw error;
      // another process came first; the number taken here is left unused
      await this.load(db, [type]);
      const theirs = this.known.get(type);
      if (theirs === undefined) throw error;
      return theirs;
    }
  }

  /** Numbers of types by their plain names; a type without one is left out. */
  async numbers(db: Db, types: readonly string[], maxTimeMS: number): Promise<ReadonlyMap<string, number>> {
    const numbers = new Map<string, number>();
    const unknown: string[] = [];
    for (const type of new Set(types)) {
      const number = this.known.get(escapeText(type));
      if (number === undefined) unknown.push(escapeText(type));
      else numbers.set(type, number);
    }
    if (unknown.length === 0) return numbers;
    const options = { ...READ_OPTIONS, readPreference: 'primary', maxTimeMS } as const;
    const rows = await this.registry(db)
      .find({ _id: { $in: unknown } }, options)
      .toArray();
    for (const { _id, number } of rows) {
      numbers.set(unescapeText(_id), number);
      if (this.known.size < MOST_TYPES) this.known.set(_id, number);
    }
    return numbers;
  }

  /** The stored name of a number, or null when none was handed out. */
  async typeOf(db: Db, number: number, maxTimeMS: number): Promise<string | null> {
    const options = { ...READ_OPTIONS, readPreference: 'primary', maxTimeMS } as const;
    const row = await this.registry(db).findOne({ number }, options);
    return row?._id ?? null;
  }
}
