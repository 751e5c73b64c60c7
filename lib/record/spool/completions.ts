import type { Appender } from './appender';
import type { Completion, Entry } from './entry';
import { KIND, type RecordHead } from './format';
import { recordLength, type Scratch } from './scratch';

const EMPTY = Buffer.alloc(0);

function headOf({ sequence, timestamp, segment }: Entry): RecordHead {
  return { kind: KIND.completion, sequence, timestamp, tailAt: 0, from: segment?.number ?? 0, skipped: 0 };
}

const lengthOf = ({ tail }: Entry): number => recordLength(tail ?? EMPTY);

/** As many as one segment takes, and one at least. */
function firstOf(pending: ReadonlyMap<number, Entry>, segmentBytes: number): Entry[] {
  const entries: Entry[] = [];
  let length = 0;
  for (const entry of pending.values()) {
    length += lengthOf(entry);
    if (entries.length > 0 && length > segmentBytes) break;
    entries.push(entry);
  }
  return entries;
}

/** Writes the tails that wait, or the first of them, by one call. @throws what the disk says: nothing was written then */
export function writeCompletions(
  appender: Appender,
  scratch: Scratch,
  pending: ReadonlyMap<number, Entry>,
  segmentBytes: number,
): [Entry, Completion][] {
  const entries = firstOf(pending, segmentBytes);
  const total = entries.reduce((sum, entry) => sum + lengthOf(entry), 0);
  const segment = appender.segmentFor(total);
  scratch.begin(total);
  const starts = entries.map((entry) => scratch.add(headOf(entry), entry.tail ?? EMPTY, segment.seed));
  const base = scratch.take((bytes) => appender.write(segment, bytes, total));
  return entries.map((entry, i) => [
    entry,
    { segment, at: base + (starts[i] ?? 0), length: lengthOf(entry) },
  ]);
}
