import type { Loss } from '../../journal';
import type { SegmentFile } from './read-segment';

/** Where a completion lies that is not in the segment of its event. */
export interface Location {
  readonly segment: SegmentFile;
  readonly at: number;
  readonly length: number;
}

/** A file of a log, and what of it is still to be given or released. */
export interface GivingSegment extends SegmentFile {
  readonly bytes: number;
  /** Deleted once this is 0, nothing is appended any more, and no older segment is left. */
  readonly live: number;
  readonly isSealed: boolean;
  /** By sequence, the completions in later segments of what lies here. */
  readonly crossed: Map<number, Location>;
  /** How many `take` has still to give. */
  readonly backlog: number;
  /** When the oldest of those was recorded. */
  readonly oldest: number | null;
  /** A loss that was not given yet. */
  giveLoss(): Loss | undefined;
  /** Whether an event is still to be given. */
  wants(sequence: number): boolean;
  /** It was given: it is released later. */
  give(sequence: number): void;
  /** One thing that was given is in the store. */
  release(): void;
  /** One thing that was given is not in the store: it is left to the next process. */
  takeBack(): void;
  /** All that was read was given: what should have been there and was not. */
  finish(wasThere: (sequence: number) => boolean): void;
}

/** A segment that is written, or was, by this process. */
export class OwnSegment implements GivingSegment {
  bytes = 0;
  live = 0;
  isSealed = false;
  isDirty = false;
  isSyncing = false;
  /** Its file is deleted. */
  isGone = false;
  /** What it holds may never have reached the disk. */
  hasFailedSync = false;
  /** What could be read of it since then is in another segment too. */
  isRewritten = false;
  readonly crossed = new Map<number, Location>();
  /** When what is to be given was recorded, by sequence. */
  readonly spilled = new Map<number, number>();
  private readonly losses: Loss[] = [];
  private returned = 0;
  private fd: number | null;
  /** Undefined when it has to be looked for. */
  private knownOldest: number | null | undefined = null;

  constructor(
    readonly path: string,
    readonly number: number,
    readonly writer: string,
    readonly key: number,
    readonly seed: number,
    fd: number,
  ) {
    this.fd = fd;
  }

  get descriptor(): number | null {
    return this.fd;
  }

  /** Its descriptor, which is closed by who asks. */
  releaseDescriptor(): number | null {
    const { fd } = this;
    this.fd = null;
    return fd;
  }

  /** Whether something of it may be nowhere on the disk. */
  get isDoubtful(): boolean {
    return this.hasFailedSync && !this.isRewritten;
  }

  get backlog(): number {
    return this.spilled.size + this.returned + sizeOf(this.losses);
  }

  get oldest(): number | null {
    if (this.knownOldest === undefined) {
      const times = [...this.losses.map(({ from }) => from), ...this.spilled.values()];
      this.knownOldest = times.reduce<number | null>((a, b) => (a === null || b < a ? b : a), null);
    }
    return this.knownOldest;
  }

  spill(sequence: number, timestamp: number): void {
    this.spilled.set(sequence, timestamp);
    const { oldest } = this;
    if (oldest === null || timestamp < oldest) this.knownOldest = timestamp;
  }

  giveLoss(): Loss | undefined {
    this.knownOldest = undefined;
    return this.losses.shift();
  }

  wants(sequence: number): boolean {
    return this.spilled.has(sequence);
  }

  give(sequence: number): void {
    if (this.spilled.get(sequence) === this.knownOldest) this.knownOldest = undefined;
    this.spilled.delete(sequence);
    this.crossed.delete(sequence);
  }

  release(): void {
    this.live -= 1;
  }

  takeBack(): void {
    this.returned += 1;
  }

  finish(wasThere: (sequence: number) => boolean): void {
    this.lose((sequence) => !wasThere(sequence));
  }

  /** What was spilled here cannot be read any more. */
  lose(isLost: (sequence: number) => boolean = () => true): void {
    for (const loss of lossesOf(this.writer, this.spilled, isLost)) {
      this.live -= loss.last - loss.first;
      const before = this.losses.at(-1);
      if (before?.last !== loss.first - 1) {
        this.losses.push(loss);
        continue;
      }
      this.live -= 1;
      this.losses.splice(-1, 1, { ...before, last: loss.last, to: Math.max(before.to, loss.to) });
    }
    for (const sequence of [...this.spilled.keys()].filter(isLost)) this.give(sequence);
    this.knownOldest = undefined;
  }
}

/** How many events losses name. */
export function sizeOf(losses: readonly Loss[]): number {
  return losses.reduce((sum, { first, last }) => sum + last - first + 1, 0);
}

/** Runs of what is lost, in order. */
export function lossesOf(
  writer: string,
  timestamps: ReadonlyMap<number, number>,
  isLost: (sequence: number) => boolean,
): Loss[] {
  const losses: Loss[] = [];
  for (const first of [...timestamps.keys()].filter(isLost).sort((a, b) => a - b)) {
    const timestamp = timestamps.get(first) ?? 0;
    const before = losses.at(-1);
    if (before?.last === first - 1)
      losses.splice(-1, 1, { ...before, last: first, to: Math.max(before.to, timestamp) });
    else losses.push({ writer, first, last: first, from: timestamp, to: timestamp });
  }
  return losses;
}
