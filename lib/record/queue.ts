import type { PreparedEvent } from '../store';

export interface QueueLimits {
  readonly maxQueueEvents: number;
  readonly maxQueueBytes: number;
}

/** First in, first out, bounded by number and by memory. What was taken counts until it is released. */
export class EventQueue {
  private readonly waiting: PreparedEvent[] = [];
  private takenCount = 0;
  private takenBytes = 0;
  private heldBytes = 0;
  private pushedCount = 0;

  constructor(private readonly limits: QueueLimits) {}

  get size(): number {
    return this.waiting.length + this.takenCount;
  }

  get waitingCount(): number {
    return this.waiting.length;
  }

  get bytes(): number {
    return this.heldBytes;
  }

  get oldest(): PreparedEvent | undefined {
    return this.waiting[0];
  }

  /** How many ever came. */
  get pushed(): number {
    return this.pushedCount;
  }

  /** Whether an event of this size fits, leaving a share of the bounds free (0 to 1). */
  hasRoom(bytes: number, spareShare = 0): boolean {
    const { maxQueueEvents, maxQueueBytes } = this.limits;
    return (
      this.size + 1 <= maxQueueEvents - Math.floor(maxQueueEvents * spareShare) &&
      this.heldBytes + bytes <= maxQueueBytes * (1 - spareShare)
    );
  }

  push(event: PreparedEvent): void {
    this.waiting.push(event);
    this.pushedCount += 1;
    this.heldBytes += event.cost;
  }

  /** Up to `maxEvents` events of together at most `maxBytes`, and at least one when any waits. */
  take(maxEvents: number, maxBytes: number): PreparedEvent[] {
    let count = 0;
    let bytes = 0;
    for (const { cost } of this.waiting) {
      if (count === maxEvents || (count > 0 && bytes + cost > maxBytes)) break;
      bytes += cost;
      count += 1;
    }
    this.takenCount += count;
    this.takenBytes += bytes;
    return this.waiting.splice(0, count);
  }

  /** Forgets what `take` gave: it is stored, or kept elsewhere. */
  release(): void {
    this.heldBytes -= this.takenBytes;
    this.takenCount = 0;
    this.takenBytes = 0;
  }

  /** Forgets everything. @returns what waited */
  clear(): readonly PreparedEvent[] {
    const waiting = this.waiting.splice(0);
    this.heldBytes = 0;
    this.takenCount = 0;
    this.takenBytes = 0;
    return waiting;
  }
}
