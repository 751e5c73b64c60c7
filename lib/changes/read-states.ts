import type { MongooseCollection, NativeCollection, Options, State } from './driver';
import { type Bson, Snapshot } from './snapshot';

/** Of the documents that one read keeps, as they are stored: they wait in memory for the write. */
const MOST_BYTES = 32 * 1024 * 1024;

export interface Reading {
  readonly states: readonly Snapshot[];
  /** Whether there are no others. */
  readonly isWhole: boolean;
}

export function nativeOf({ conn, collectionName }: MongooseCollection): NativeCollection | undefined {
  return conn.db?.collection(collectionName);
}

/** Reads documents until there are no more of them, or they take too much memory. */
export async function readStates(
  collection: MongooseCollection,
  filter: State,
  options: Options,
): Promise<Reading | null> {
  const cursor = nativeOf(collection)?.find(filter, { ...options, raw: true });
  if (cursor === undefined) return null;
  const bson = collection.conn.base.mongo.BSON as Bson;
  const states: Snapshot[] = [];
  let bytes = 0;
  for await (const first of cursor) {
    // all that came in one answer at once: a promise for each costs more than the read
    for (const document of [first, ...cursor.readBufferedDocuments()]) {
      bytes += document.length;
      if (bytes > MOST_BYTES) return { states, isWhole: false };
      states.push(new Snapshot(document, bson));
    }
  }
  return { states, isWhole: true };
}
