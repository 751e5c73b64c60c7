import type { DropReason, Gap } from '../event';

type DropCounts = { readonly [reason in DropReason]: number };

/** What could not be kept: counted by reason, and in runs that gaps will declare. */
export class Losses {
  private runs: Gap[] = [];
  private readonly counts = { queue_full: 0, closed: 0, spool_damaged: 0 };

  /** Whether a run waits to be declared. */
  get isEmpty(): boolean {
    return this.runs.length === 0;
  }

  get byReason(): DropCounts {
    return { ...this.counts };
  }

  get total(): number {
    const { queue_full, closed, spool_damaged } = this.counts;
    return queue_full + closed + spool_damaged;
  }

  count(reason: DropReason, count: number): void {
    this.counts[reason] += count;
  }

  /** @param timestamp of the event, in milliseconds since the epoch */
  add(sequence: number, timestamp: number, reason: DropReason): void {
    this.counts[reason] += 1;
    const run = { first: sequence, from: new Date(timestamp), last: sequence, to: new Date(), reason };
    const before = this.runs.at(-1);
    // sequences come in order, but for outcomes that were announced
    if (before === undefined || before.last + 1 !== sequence) this.runs.push(run);
    else this.runs[this.runs.length - 1] = { ...run, first: before.first, from: before.from };
  }

  /** The oldest run: whoever takes it declares it. */
  take(): Gap | undefined {
    return this.runs.shift();
  }
}
