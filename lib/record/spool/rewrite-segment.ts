import type { Found } from './format';
import { codeOf, type SpoolFs } from './fs';
import { itemsOf, readItem } from './items';
import type { OwnLog } from './own-log';
import { nextTurn, readSegment } from './read-segment';
import type { OwnSegment } from './segment';

/** Written in one turn of the event loop. */
const STEP_BYTES = 256 * 1024;
const EMPTY = Buffer.alloc(0);

async function readLeft(fs: SpoolFs, path: string): Promise<Buffer> {
  try {
    return await readSegment(fs, path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    return EMPTY;
  }
}

/**
 * Writes again, to another segment, what one holds whose sync failed: the system still has it in memory, or gives back
 * what is damaged, which is passed over. What is open is written again by its log; what was given is on its way to
 * MongoDB.
 *
 * @returns false when something could not be written @throws what the disk says
 */
export async function rewriteSegment(fs: SpoolFs, segment: OwnSegment, log: OwnLog): Promise<boolean> {
  const bytes = await readLeft(fs, segment.path);
  const others: Found[] = [];
  const items = await itemsOf(bytes, segment, (found) => others.push(found));
  let size = 0;
  for (const sequence of items.events.keys()) {
    if (!log.isKeptIn(segment, sequence)) continue;
    const { event } = await readItem(fs, segment, bytes, items, sequence);
    if (!log.rewrite(segment, event)) return false;
    size += event.body.length;
    if (size < STEP_BYTES) continue;
    size = 0;
    await nextTurn();
  }
  for (const found of others) {
    if (!log.rewriteCompletion(found, bytes.subarray(found.start, found.end))) return false;
  }
  segment.isRewritten = true;
  return true;
}
