import type { Loss } from '../../journal';
import { type GivingSegment, type Location, lossesOf, sizeOf } from './segment';

/** A segment of a process that is no more. */
export class AdoptedSegment implements GivingSegment {
  readonly isSealed = true;
  readonly crossed = new Map<number, Location>();
  bytes = 0;
  /** Events that were counted here and not given. */
  private left = 0;
  private outstanding = 0;
  private returned = 0;
  private isFinished = false;
  private readonly losses: Loss[] = [];
  private from: number | null = null;
  private to = 0;
  /** Sequences that reading it through has found, in runs. */
  private readonly runs: { readonly first: number; last: number }[] = [];

  constructor(
    readonly path: string,
    readonly number: number,
    readonly writer: string,
    readonly key: number,
    /** By sequence, the segment of the record that counts, where that is not the only one. */
    private readonly latest: ReadonlyMap<number, number>,
  ) {}

  get live(): number {
    return this.outstanding + (this.isFinished ? 0 : Math.max(this.left, 0)) + this.losses.length;
  }

  get backlog(): number {
    return (this.isFinished ? 0 : Math.max(this.left, 0)) + this.returned + sizeOf(this.losses);
  }

  get oldest(): number | null {
    return this.backlog === 0 ? null : this.from;
  }

  /** Reading it through has found an event. */
  note(sequence: number, timestamp: number): void {
    this.reach(timestamp);
    const run = this.runs.at(-1);
    if (run?.last === sequence - 1) run.last = sequence;
    else this.runs.push({ first: sequence, last: sequence });
  }

  /** How many of those are to be given. */
  count(events: number): void {
    this.left += events;
  }

  addLoss(loss: Loss): void {
    this.losses.push(loss);
    this.reach(loss.from);
  }

  giveLoss(): Loss | undefined {
    const loss = this.losses.shift();
    if (loss !== undefined) this.outstanding += 1;
    return loss;
  }

  wants(sequence: number): boolean {
    return !this.isFinished && (this.latest.get(sequence) ?? this.number) <= this.number;
  }

  give(sequence: number): void {
    this.left -= 1;
    this.outstanding += 1;
    this.crossed.delete(sequence);
  }

  release(): void {
    this.outstanding -= 1;
  }

  takeBack(): void {
    this.returned += 1;
  }

  /** What was found once and is there no more is lost. */
  finish(wasThere: (sequence: number) => boolean): void {
    if (this.isFinished) return;
    const lost = new Map<number, number>();
    if (this.left > 0) {
      for (const sequence of this.sequences())
        if (this.wants(sequence) && !wasThere(sequence)) lost.set(sequence, this.to);
    }
    this.isFinished = true;
    for (const loss of lossesOf(this.writer, lost, () => true))
      this.losses.push({ ...loss, from: this.from ?? loss.from });
  }

  private *sequences(): Iterable<number> {
    for (const { first, last } of this.runs)
      for (let sequence = first; sequence <= last; sequence++) yield sequence;
  }

  private reach(timestamp: number): void {
    if (this.from === null || timestamp < this.from) this.from = timestamp;
    if (timestamp > this.to) this.to = timestamp;
  }
}
