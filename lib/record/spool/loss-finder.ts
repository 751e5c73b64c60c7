import type { Loss } from '../../journal';

/** Sequences, both ends included. */
interface Run {
  readonly first: number;
  readonly last: number;
}

/** Where some may be missing. */
interface Range extends Run {
  readonly segment: number;
  readonly from: number;
  readonly to: number;
}

/** A loss, and the segment that may not be deleted before it is released. */
export interface FoundLoss {
  readonly segment: number;
  readonly loss: Loss;
}

/**
 * Concludes from what lies around damage which sequences it took: those above all before it and below what comes
 * behind it. A header says how far its log had come, so that the same is concluded after older segments are deleted.
 */
export class LossFinder {
  private readonly ranges: Range[] = [];
  /** Runs of what was never kept. */
  private readonly skipped: Run[] = [];
  private damage: { readonly segment: number; readonly from: number } | null = null;
  private highest: number | null = null;
  private time: number | null = null;
  private number: number | null = null;
  private before: number | null = null;

  constructor(private readonly writer: string) {}

  /** The next segment, whose number need not be that behind the one before. */
  segment(number: number): void {
    const before = this.number;
    this.number = number;
    if (before !== null && before !== number - 1) this.bad(before);
    // a log begins with its first segment
    if (before === null && number === 1) this.highest = 0;
    this.before = before;
  }

  header(floor: number, createdAt: number): void {
    // the segment before was cut off between two records
    if (this.before !== null && this.highest !== null && floor > this.highest) this.bad(this.before);
    this.reach(floor, createdAt);
    // nothing was kept before it that is above
    this.damage = null;
    this.time ??= createdAt;
  }

  /** @param skipped how many before it were never kept */
  event(sequence: number, timestamp: number, skipped: number): void {
    if (skipped > 0) this.skipped.push({ first: sequence - skipped, last: sequence - 1 });
    this.reach(sequence - 1, timestamp);
    this.highest = Math.max(this.highest ?? 0, sequence);
    this.time = timestamp;
  }

  /** One whose event is nowhere tells that this was there. */
  completion(sequence: number, timestamp: number): void {
    this.reach(sequence, timestamp);
  }

  /** Something that should be in a segment, or behind it, cannot be read. */
  bad(segment = this.number ?? 0): void {
    this.damage ??= { segment, from: this.highest ?? Number.NaN };
  }

  get hasRanges(): boolean {
    return this.ranges.length > 0;
  }

  isCandidate(sequence: number): boolean {
    return this.ranges.some(({ first, last }) => sequence >= first && sequence <= last);
  }

  /** What is missing of the candidates, given those that were found elsewhere. */
  losses(present: ReadonlySet<number>): FoundLoss[] {
    const found = [...present].map((sequence) => ({ first: sequence, last: sequence }));
    const others = [...found, ...this.skipped].sort((a, b) => a.first - b.first);
    return this.ranges.flatMap((range) => this.without(range, others));
  }

  /** All up to here is accounted for. */
  private reach(sequence: number, timestamp: number): void {
    const before = this.highest;
    if (before === null || sequence > before) {
      this.close(sequence, timestamp);
      this.highest = sequence;
    }
  }

  private close(last: number, to: number): void {
    const { damage, time } = this;
    this.damage = null;
    if (damage === null || Number.isNaN(damage.from) || last <= damage.from) return;
    const { segment, from } = damage;
    this.ranges.push({ segment, first: from + 1, last, from: time ?? to, to });
  }

  private without(range: Range, others: readonly Run[]): FoundLoss[] {
    const { writer } = this;
    const { segment, from, to } = range;
    const found: FoundLoss[] = [];
    let first = range.first;
    const end = (last: number): void => {
      if (first <= last) found.push({ segment, loss: { writer, first, last, from, to } });
    };
    for (const other of others) {
      if (other.last < first || other.first > range.last) continue;
      end(other.first - 1);
      first = other.last + 1;
    }
    end(range.last);
    return found;
  }
}
