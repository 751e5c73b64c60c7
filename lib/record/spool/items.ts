import type { EventBytes } from '../../journal';
import { decodeRecord, type Found, joinTail, KIND, seedOf } from './format';
import { codeOf, type SpoolFs } from './fs';
import { readPart, type SegmentFile, walkSegment } from './read-segment';
import type { GivingSegment, Location } from './segment';

/** What a segment holds of one event. */
export interface Item {
  readonly event: Found;
  completion: Found | null;
}

/** The last record of a sequence counts, and the last completion behind it. */
function collect(items: Map<number, Item>, number: number, found: Found): void {
  if (found.kind === KIND.completion) {
    const item = found.from === number ? items.get(found.sequence) : undefined;
    if (item !== undefined) item.completion = found;
    return;
  }
  items.delete(found.sequence);
  items.set(found.sequence, { event: found, completion: null });
}

export async function itemsOf(bytes: Buffer, file: SegmentFile): Promise<ReadonlyMap<number, Item>> {
  const items = new Map<number, Item>();
  await walkSegment(bytes, file, { record: (found) => collect(items, file.number, found), bad() {} });
  return items;
}

/** Null for one that is damaged or gone: the event then says what it said when it was opened. */
async function readCompletion(fs: SpoolFs, location: Location, sequence: number): Promise<Buffer | null> {
  const { segment, at, length } = location;
  try {
    const bytes = await readPart(fs, segment.path, at, length);
    const found = decodeRecord(bytes, 0, seedOf(segment.key, segment.number));
    return found?.sequence === sequence ? bytes.subarray(found.start, found.end) : null;
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    return null;
  }
}

/** An event, joined with its tail wherever that lies, in a buffer of its own. */
export async function readItem(
  fs: SpoolFs,
  segment: GivingSegment,
  bytes: Buffer,
  { event: found, completion }: Item,
  pendingTail: Buffer | null = null,
): Promise<{ readonly event: EventBytes; readonly hasTail: boolean }> {
  const { sequence, timestamp, tailAt } = found;
  const body = bytes.subarray(found.start, found.end);
  const location = segment.crossed.get(sequence);
  let tail = pendingTail;
  if (tail === null && completion !== null) tail = bytes.subarray(completion.start, completion.end);
  if (tail === null && location !== undefined) tail = await readCompletion(fs, location, sequence);
  const whole = tail === null ? Buffer.from(body) : joinTail(body, tailAt, tail);
  return { event: { sequence, timestamp, tailAt, body: whole }, hasTail: tail !== null };
}
