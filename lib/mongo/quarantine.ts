import type { PreparedEvent } from '../store';
import { READ_OPTIONS, type StoreConnection } from './connection';
import { toBinary, toText } from './document';
import { readHead, stamp } from './encode-event';

const MAX_TIME_MS = 20_000;
const MAJORITY = { w: 'majority', wtimeout: 20_000 } as const;
/** At most 12 MiB of UTF-8: a document holds 16. */
export const MOST_TEXT = 4 * 1024 * 1024;

/** As text: whatever made MongoDB refuse the event cannot do so here. */
function textOf({ driver }: StoreConnection, { body, refusal, sequence }: PreparedEvent): string {
  if (body === null) return refusal?.text ?? '';
  // an attempt whose result is unknown may still hold the body itself
  const copy = Buffer.from(body);
  stamp(copy, { id: 0, sequence, recordedAt: new Date(0) });
  return toText(driver.BSON.deserialize(copy));
}

/** Keeps an event that MongoDB refused, once, with the place in its writer's sequence that it leaves empty. */
export async function storeInQuarantine(
  connection: StoreConnection,
  collection: string,
  event: PreparedEvent,
  { writerId, reason }: { readonly writerId: string; readonly reason: string },
): Promise<void> {
  const { driver, openedDb } = connection;
  const text = textOf(connection, event);
  const document = {
    // what a dead process left is its own
    writer: toBinary(driver, event.body === null ? writerId : readHead(event.body).writer),
    sequence: event.sequence,
    reason,
    quarantinedAt: new Date(),
    event: text.slice(0, MOST_TEXT),
    isCut: text.length > MOST_TEXT,
  };
  const _id = toBinary(driver, event.uuid) as never;
  await openedDb
    .collection(collection)
    .updateOne(
      { _id },
      { $setOnInsert: document },
      { ...READ_OPTIONS, upsert: true, writeConcern: MAJORITY, maxTimeMS: MAX_TIME_MS },
    );
}
