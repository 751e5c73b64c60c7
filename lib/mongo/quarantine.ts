import { inspect } from 'node:util';
import type { AcceptedEvent } from '../event';
import { READ_OPTIONS, type StoreConnection } from './connection';
import { toBinary } from './document';

const MAX_TIME_MS = 20_000;
const MAJORITY = { w: 'majority', wtimeout: 20_000 } as const;
/** At most 12 MiB of UTF-8: a document holds 16. */
const MOST_CHARS = 4 * 1024 * 1024;

/** As text: whatever made MongoDB refuse the event cannot do so here. */
function toText(event: AcceptedEvent): string {
  try {
    return JSON.stringify(event);
  } catch {
    return inspect(event, { depth: 16, maxArrayLength: 1_000, customInspect: false });
  }
}

/** Keeps an event that MongoDB refused, once, with the place in its writer's sequence that it leaves empty. */
export async function storeInQuarantine(
  { openedDb, driver }: StoreConnection,
  collection: string,
  event: AcceptedEvent,
  reason: string,
): Promise<void> {
  const text = toText(event);
  const document = {
    writer: toBinary(driver, event.writer),
    sequence: event.sequence,
    reason,
    quarantinedAt: new Date(),
    event: text.slice(0, MOST_CHARS),
    isCut: text.length > MOST_CHARS,
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
