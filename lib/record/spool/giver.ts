import type { EventBytes, Taken } from '../../journal';
import { decodeRecord, type Found, joinTail, KIND, seedOf } from './format';
import { codeOf, type SpoolFs } from './fs';
import { readPart, readSegment, walkSegment } from './read-segment';
import type { GivingSegment, Location } from './segment';

/** What a segment holds of one event. */
interface Item {
  readonly event: Found;
  completion: Found | null;
}

interface Loaded {
  readonly segment: GivingSegment;
  readonly bytes: Buffer;
  readonly items: ReadonlyMap<number, Item>;
  readonly left: IterableIterator<Item>;
}

export interface GiverOptions {
  readonly fs: SpoolFs;
  /** The oldest segment that has something to give. */
  next(): GivingSegment | null;
  /** What could not be written to a segment yet. */
  pendingTail(segment: GivingSegment, sequence: number): Buffer | null;
  onReleased(): void;
  onFailure(error: unknown): void;
}

/** Gives what segments hold, with one of them in memory. */
export class Giver {
  private loaded: Loaded | null = null;
  private readonly taken: Taken[] = [];
  private bytes = 0;

  constructor(private readonly options: GiverOptions) {}

  /** One call after the other. MUST NOT reject. */
  async take(maxEvents: number, maxBytes: number): Promise<Taken[]> {
    this.bytes = 0;
    try {
      while (this.taken.length < maxEvents && this.bytes < maxBytes) {
        const loaded = this.loaded ?? (await this.load());
        if (loaded === null || !(await this.giveOne(loaded, maxBytes))) break;
      }
    } catch (error) {
      this.options.onFailure(error);
    }
    return this.taken.splice(0);
  }

  /** @returns false when what comes next is too much for this call */
  private async giveOne(loaded: Loaded, maxBytes: number): Promise<boolean> {
    const { segment } = loaded;
    const loss = segment.giveLoss();
    if (loss !== undefined) {
      this.taken.push({ kind: 'loss', loss, place: this.placeIn(segment) });
      return true;
    }
    const item = this.peek(loaded);
    if (item === null) {
      segment.finish((sequence) => loaded.items.has(sequence));
      this.loaded = null;
      return true;
    }
    const event = await this.join(loaded, item);
    if (this.taken.length > 0 && this.bytes + event.body.length > maxBytes) return false;
    this.next = null;
    // its owner may have settled it meanwhile
    if (!segment.wants(event.sequence)) return true;
    segment.give(event.sequence);
    this.bytes += event.body.length;
    this.taken.push({ kind: 'event', event, place: this.placeIn(segment) });
    return true;
  }

  private next: Item | null = null;

  private peek({ segment, left }: Loaded): Item | null {
    while (this.next === null || !segment.wants(this.next.event.sequence)) {
      const { value, done } = left.next();
      if (done) return null;
      this.next = value;
    }
    return this.next;
  }

  private placeIn(segment: GivingSegment): Taken['place'] {
    let isOver = false;
    const once = (task: () => void) => (): void => {
      if (isOver) return;
      isOver = true;
      task();
    };
    return {
      release: once(() => {
        segment.release();
        this.options.onReleased();
      }),
      spill: once(() => segment.takeBack()),
    };
  }

  private async load(): Promise<Loaded | null> {
    const segment = this.options.next();
    if (segment === null) return null;
    const bytes = await this.read(segment);
    const items = new Map<number, Item>();
    await walkSegment(bytes, segment, { record: (found) => collect(items, segment, found), bad() {} });
    this.next = null;
    this.loaded = { segment, bytes, items, left: items.values() };
    return this.loaded;
  }

  /** A file that is not there has nothing. */
  private async read({ path }: GivingSegment): Promise<Buffer> {
    try {
      return await readSegment(this.options.fs, path);
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error;
      return EMPTY;
    }
  }

  private async join({ segment, bytes }: Loaded, { event, completion }: Item): Promise<EventBytes> {
    const { sequence, timestamp, tailAt } = event;
    const body = bytes.subarray(event.start, event.end);
    const tail =
      completion === null
        ? await this.tailElsewhere(segment, sequence)
        : bytes.subarray(completion.start, completion.end);
    if (tail === null) return { sequence, timestamp, tailAt, body: Buffer.from(body) };
    return { sequence, timestamp, tailAt, body: joinTail(body, tailAt, tail) };
  }

  private async tailElsewhere(segment: GivingSegment, sequence: number): Promise<Buffer | null> {
    const pending = this.options.pendingTail(segment, sequence);
    if (pending !== null) return pending;
    const location = segment.crossed.get(sequence);
    return location === undefined ? null : readCompletion(this.options.fs, location, sequence);
  }
}

const EMPTY = Buffer.alloc(0);

/** The last record of a sequence counts, and the last completion behind it. */
function collect(items: Map<number, Item>, { number }: GivingSegment, found: Found): void {
  if (found.kind === KIND.completion) {
    const item = found.from === number ? items.get(found.sequence) : undefined;
    if (item !== undefined) item.completion = found;
    return;
  }
  items.delete(found.sequence);
  items.set(found.sequence, { event: found, completion: null });
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
