import type { PreparedEvent } from '../store';

export interface QueueLimits {
  readonly maxQueueEvents: number;
  readonly maxQueueBytes: number;
}

function countKept(events: readonly PreparedEvent[]): number {
  let count = 0;
  for (const { place } of events) if (place !== null) count += 1;
  return count;
}

/** First in, first out, bounded by number and by memory. What was taken counts until it is released. */
export class EventQueue {
  private waiting: PreparedEvent[] = [];
  /** Of those, how many are kept elsewhere too. */
  private keptCount = 0;
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
    if (event.place !== null) this.keptCount += 1;
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
    const taken = this.waiting.splice(0, count);
    if (this.keptCount > 0) this.keptCount -= countKept(taken);
    return taken;
  }

  /** Gives back what is kept elsewhere too, but for what `take` gave. */
  giveWay(): readonly PreparedEvent[] {
    if (this.keptCount === 0) return [];
    const kept = this.waiting.filter(({ place }) => place !== null);
    this.waiting = this.waiting.filter(({ place }) => place === null);
    this.keptCount = 0;
    for (const { cost } of kept) this.heldBytes -= cost;
    return kept;
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
    this.keptCount = 0;
    this.heldBytes = 0;
    this.takenCount = 0;
    this.takenBytes = 0;
    return waiting;
  }
}
