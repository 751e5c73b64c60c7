import type { EventBytes } from '../../journal';
import { decodeRecord, type Found, joinTail, KIND, type Kind, readRecord, seedOf } from './format';
import { codeOf, type SpoolFs } from './fs';
import { readPart, type SegmentFile, walkSegment } from './read-segment';
import type { GivingSegment, Location } from './segment';

/**
 * What a segment holds, by sequence: where the record of the event begins that counts, and that of its completion.
 * Numbers only, since the collector of garbage would stop the event loop for an object each.
 */
export interface Items {
  readonly events: ReadonlyMap<number, number>;
  readonly completions: ReadonlyMap<number, number>;
}

/** The last record of a sequence counts, and the last completion behind it. @param onOther given the completions of what lies in other segments */
export async function itemsOf(
  bytes: Buffer,
  file: SegmentFile,
  onOther: (completion: Found) => void = () => {},
): Promise<Items> {
  const events = new Map<number, number>();
  const completions = new Map<number, number>();
  const add = (found: Found): void => {
    const { kind, sequence, at } = found;
    if (kind !== KIND.completion) {
      events.delete(sequence);
      events.set(sequence, at);
      completions.delete(sequence);
    } else if (found.from !== file.number) onOther(found);
    else if (events.has(sequence)) completions.set(sequence, at);
  };
  await walkSegment(bytes, file, { record: add, bad() {} });
  return { events, completions };
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

export interface ReadEvent {
  readonly event: EventBytes;
  readonly kind: Kind;
  readonly hasTail: boolean;
}

function join(
  bytes: Buffer,
  { kind, sequence, timestamp, tailAt, start, end }: Found,
  tail: Buffer | null,
): ReadEvent {
  const body = bytes.subarray(start, end);
  const whole = tail === null ? Buffer.from(body) : joinTail(body, tailAt, tail);
  return { event: { sequence, timestamp, tailAt, body: whole }, kind, hasTail: tail !== null };
}

/** An event of a segment, joined with its tail wherever that lies, in bytes of its own. A promise only where another file is read. */
export function readItem(
  fs: SpoolFs,
  segment: GivingSegment,
  bytes: Buffer,
  items: Items,
  sequence: number,
  pendingTail: Buffer | null = null,
): ReadEvent | Promise<ReadEvent> {
  const found = readRecord(bytes, items.events.get(sequence) ?? 0);
  if (pendingTail !== null) return join(bytes, found, pendingTail);
  const completionAt = items.completions.get(sequence);
  if (completionAt !== undefined) {
    const { start, end } = readRecord(bytes, completionAt);
    return join(bytes, found, bytes.subarray(start, end));
  }
  const location = segment.crossed.get(sequence);
  if (location === undefined) return join(bytes, found, null);
  return readCompletion(fs, location, sequence).then((tail) => join(bytes, found, tail));
}
