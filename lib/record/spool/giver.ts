import type { Taken } from '../../journal';
import { codeOf, type SpoolFs } from './fs';
import { type Item, itemsOf, readItem } from './items';
import { readSegment } from './read-segment';
import type { GivingSegment } from './segment';

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

/** So often a part that the disk does not give back is asked for again, before it counts as lost. */
const TRIES = 3;

/** Gives what segments hold, with one of them in memory. */
export class Giver {
  private loaded: Loaded | null = null;
  private next: Item | null = null;
  private readonly taken: Taken[] = [];
  private bytes = 0;
  private failures = 0;

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
    const pendingTail = this.options.pendingTail(segment, item.event.sequence);
    const { event } = await readItem(this.options.fs, segment, loaded.bytes, item, pendingTail);
    if (this.taken.length > 0 && this.bytes + event.body.length > maxBytes) return false;
    this.next = null;
    // its owner may have settled it meanwhile
    if (!segment.wants(event.sequence)) return true;
    segment.give(event.sequence);
    this.bytes += event.body.length;
    this.taken.push({ kind: 'event', event, place: this.placeIn(segment) });
    return true;
  }

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
    const items = await itemsOf(bytes, segment);
    this.next = null;
    this.loaded = { segment, bytes, items, left: items.values() };
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
