import type { Loss } from '../../journal';
import { type GivingSegment, type Location, sizeOf } from './segment';

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
  private first: number | null = null;

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
    return this.backlog === 0 ? null : this.first;
  }

  /** What reading it through has found. */
  count(events: number, timestamp: number | null): void {
    this.left += events;
    if (timestamp !== null && (this.first === null || timestamp < this.first)) this.first = timestamp;
  }

  addLoss(loss: Loss): void {
    this.losses.push(loss);
    this.count(0, loss.from);
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

  finish(): void {
    this.isFinished = true;
  }
}
