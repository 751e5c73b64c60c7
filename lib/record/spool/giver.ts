import type { Taken } from '../../journal';
import { codeOf, type SpoolFs } from './fs';
import { type Items, itemsOf, type ReadEvent, readItem } from './items';
import { readSegment } from './read-segment';
import { type GivingSegment, sizeOf } from './segment';

interface Loaded {
  readonly segment: GivingSegment;
  readonly bytes: Buffer;
  readonly items: Items;
  readonly left: IterableIterator<number>;
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

/** So often a part that the disk does not give back is asked for again, before it counts as lost. */
const TRIES = 3;

/** Gives what segments hold, with one of them in memory. */
export class Giver {
  private loaded: Loaded | null = null;
  private next: number | null = null;
  private readonly taken: Taken[] = [];
  private takenCount = 0;
  private bytes = 0;
  private failures = 0;

  constructor(private readonly options: GiverOptions) {}

  /** Events that the call of `take` under way has by now, which are in no segment's backlog; a loss counts for those that it names. */
  get onTheWay(): number {
    return this.takenCount;
  }

  /** One call after the other. MUST NOT reject. */
  async take(maxEvents: number, maxBytes: number): Promise<Taken[]> {
    this.bytes = 0;
    try {
      while (this.taken.length < maxEvents && this.bytes < maxBytes) {
        const loaded = this.loaded ?? (await this.load());
        if (loaded === null) break;
        // most are at hand: a promise for each would cost as much as all the rest
        const hasGiven = this.giveOne(loaded, maxBytes);
        if (!(typeof hasGiven === 'boolean' ? hasGiven : await hasGiven)) break;
      }
    } catch (error) {
      this.options.onFailure(error);
    }
    this.takenCount = 0;
    return this.taken.splice(0);
  }

  /** @returns false when what comes next is too much for this call */
  private giveOne(loaded: Loaded, maxBytes: number): boolean | Promise<boolean> {
    const { segment, bytes, items } = loaded;
    const loss = segment.giveLoss();
    if (loss !== undefined) {
      this.taken.push({ kind: 'loss', loss, place: this.placeIn(segment) });
      this.takenCount += sizeOf([loss]);
      return true;
    }
    const sequence = this.peek(loaded);
    if (sequence === null) {
      segment.finish((one) => items.events.has(one));
      this.loaded = null;
      return true;
    }
    const pendingTail = this.options.pendingTail(segment, sequence);
    const read = readItem(this.options.fs, segment, bytes, items, sequence, pendingTail);
    if (!(read instanceof Promise)) return this.giveEvent(segment, read, maxBytes);
    return read.then((one) => this.giveEvent(segment, one, maxBytes));
  }

  private giveEvent(segment: GivingSegment, { event }: ReadEvent, maxBytes: number): boolean {
    if (this.taken.length > 0 && this.bytes + event.body.length > maxBytes) return false;
    this.next = null;
    // its owner may have settled it meanwhile
    if (!segment.wants(event.sequence)) return true;
    segment.give(event.sequence);
    this.bytes += event.body.length;
    this.taken.push({ kind: 'event', event, place: this.placeIn(segment) });
    this.takenCount += 1;
    return true;
  }

  private peek({ segment, left }: Loaded): number | null {
    while (this.next === null || !segment.wants(this.next)) {
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
    const items = await itemsOf(bytes, segment);
    this.next = null;
    this.loaded = { segment, bytes, items, left: items.events.keys() };
    return this.loaded;
  }

  /** A file that is not there has nothing. */
  private async read({ path }: GivingSegment): Promise<Buffer> {
    try {
      const bytes = await readSegment(this.options.fs, path, this.failures >= TRIES);
      this.failures = 0;
      return bytes;
    } catch (error) {
      this.failures += 1;
      if (codeOf(error) !== 'ENOENT') throw error;
      return EMPTY;
    }
  }
}

const EMPTY = Buffer.alloc(0);
