import { join } from 'node:path';
import { AdoptedSegment } from './adopted-segment';
import { decodeHeader, type Found, HEADER_BYTES, KIND } from './format';
import type { SpoolFs } from './fs';
import { parseSegmentName, segmentName } from './host';
import { LossFinder } from './loss-finder';
import { readPart, readSegment, walkSegment } from './read-segment';

export interface Damage {
  readonly writer: string;
  readonly number: number;
  readonly at: number;
  readonly bytes: Buffer;
}

export interface RecoverOptions {
  readonly fs: SpoolFs;
  readonly path: string;
  readonly writer: string;
  /** What the directory says of its segments' key; null when it says nothing. */
  readonly key: number | null;
  /** Bytes in the middle of a log that are no record. */
  onDamage(damage: Damage): Promise<void>;
}

/** What the first reading keeps of a log: only what crosses its segments. */
class FirstReading {
  readonly byNumber = new Map<number, AdoptedSegment>();
  readonly finder: LossFinder;

  constructor(
    readonly segments: readonly AdoptedSegment[],
    private readonly latest: Map<number, number>,
    private readonly options: RecoverOptions,
  ) {
    this.finder = new LossFinder(options.writer);
    for (const segment of segments) this.byNumber.set(segment.number, segment);
  }

  async read(segment: AdoptedSegment, isLast: boolean): Promise<void> {
    const { fs, writer } = this.options;
    this.finder.segment(segment.number);
    const bytes = await readSegment(fs, segment.path);
    segment.bytes = bytes.length;
    const events = new Set<number>();
    const damages: Damage[] = [];
    await walkSegment(bytes, segment, {
      header: ({ floor, createdAt }) => this.finder.header(floor, createdAt),
      record: (found) => this.note(segment, found, events),
      bad: (at, end, isTail) => {
        // a header that could not be written has nothing behind it: the next one says whether that is so
        if (isTail && (isLast || end < HEADER_BYTES)) return;
        this.finder.bad();
        damages.push({ writer, number: segment.number, at, bytes: bytes.subarray(at, end) });
      },
    });
    segment.count(events.size);
    for (const damage of damages) await this.options.onDamage(damage);
  }

  private note(segment: AdoptedSegment, found: Found, events: Set<number>): void {
    const { kind, sequence, timestamp, from, skipped, at, end } = found;
    const other = from === segment.number ? undefined : this.byNumber.get(from);
    if (kind === KIND.completion) {
      this.finder.completion(sequence, timestamp);
      other?.crossed.set(sequence, { segment, at, length: end - at });
      return;
    }
    this.finder.event(sequence, timestamp, skipped);
    if (from !== 0 && from !== segment.number) this.latest.set(sequence, segment.number);
    if (!events.has(sequence)) other?.count(-1);
    events.add(sequence);
    segment.note(sequence, timestamp);
  }
}

/** Sequences that are in doubt and are somewhere in the log nevertheless. */
async function findPresent(fs: SpoolFs, reading: FirstReading): Promise<Set<number>> {
  const present = new Set<number>();
  for (const segment of reading.segments) {
    await walkSegment(await readSegment(fs, segment.path), segment, {
      record({ kind, sequence }) {
        if (kind !== KIND.completion && reading.finder.isCandidate(sequence)) present.add(sequence);
      },
      bad() {},
    });
  }
  return present;
}

async function readHeaderKey(
  { fs, writer }: RecoverOptions,
  path: string,
  number: number,
): Promise<number | null> {
  return decodeHeader(await readPart(fs, path, 0, HEADER_BYTES), writer, number)?.key ?? null;
}

/** A key that a damaged header does not say is that of the others. */
async function listSegments(
  options: RecoverOptions,
  latest: ReadonlyMap<number, number>,
): Promise<AdoptedSegment[]> {
  const { fs, path, writer } = options;
  const numbers = (await fs.readdir(path)).map(parseSegmentName).filter((number) => number !== null);
  const files: { number: number; file: string; key: number | null }[] = [];
  for (const number of numbers.sort((a, b) => a - b)) {
    const file = join(path, segmentName(number));
    files.push({ number, file, key: await readHeaderKey(options, file, number) });
  }
  const common = files.find(({ key }) => key !== null)?.key ?? options.key ?? 0;
  return files.map(
    ({ number, file, key }) => new AdoptedSegment(file, number, writer, key ?? common, latest),
  );
}

/** Reads a dead process's log through, once: its segments, and what of each is to be given. @throws what the disk says */
export async function recover(options: RecoverOptions): Promise<AdoptedSegment[]> {
  const latest = new Map<number, number>();
  const segments = await listSegments(options, latest);
  const reading = new FirstReading(segments, latest, options);
  for (const [i, segment] of segments.entries()) {
    await reading.read(segment, i === segments.length - 1);
  }
  if (reading.finder.hasRanges) {
    const present = await findPresent(options.fs, reading);
    for (const { segment, loss } of reading.finder.losses(present)) {
      reading.byNumber.get(segment)?.addLoss(loss);
    }
  }
  return segments;
}
