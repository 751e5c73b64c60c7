import type { AcceptedEvent, AuditEvent } from '../event';

/** Heap of values beyond their characters and members, in bytes: headers, lengths, slots in their parents. */
const SLOT_BYTES = 8;
const STRING_BYTES = 32;
const NUMBER_BYTES = 16;
const DATE_BYTES = 88;
/** Clients choose the keys of what they send: every new one costs a description of its object, too. */
const OBJECT_BYTES = 160;
const KEY_BYTES = 80;
const ARRAY_BYTES = 48;
/** An array that grows is given room in advance. */
const SPARE_ITEMS = 17;

/** What is charged for an event that cannot be walked; whether it can be stored is the store's to say. */
const UNKNOWN_BYTES = 1_048_576;

/** What an event costs in memory while it waits, in bytes: an upper estimate, from one walk. Never throws. */
export function footprint(event: AuditEvent): number {
  try {
    let bytes = OBJECT_BYTES;
    // every event has the same fields
    for (const field in event) bytes += SLOT_BYTES + bytesOf(event[field as keyof AuditEvent]);
    return bytes;
  } catch {
    return UNKNOWN_BYTES;
  }
}

function bytesOf(value: unknown): number {
  if (typeof value === 'string') return STRING_BYTES + value.length * 2;
  if (typeof value === 'number') return NUMBER_BYTES;
  if (value === null || typeof value !== 'object') return 0;
  if (value instanceof Date) return DATE_BYTES;
  return Array.isArray(value) ? bytesOfItems(value) : bytesOfMembers(value);
}

function bytesOfItems(items: readonly unknown[]): number {
  let bytes = ARRAY_BYTES;
  if (items.length > 0) bytes += SLOT_BYTES * (items.length * 1.5 + SPARE_ITEMS);
  for (const item of items) bytes += bytesOf(item);
  return bytes;
}

function bytesOfMembers(members: object): number {
  let bytes = OBJECT_BYTES;
  for (const key in members)
    bytes += KEY_BYTES + key.length * 2 + bytesOf((members as Record<string, unknown>)[key]);
  return bytes;
}

interface Entry {
  readonly event: AcceptedEvent;
  readonly bytes: number;
}

export interface QueueLimits {
  readonly maxQueueEvents: number;
  readonly maxQueueBytes: number;
}

/** First in, first out, bounded by number and by memory. What was taken counts until it is released. */
export class EventQueue {
  private readonly waiting: Entry[] = [];
  private takenCount = 0;
  private takenBytes = 0;
  private heldBytes = 0;

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

  get oldest(): AcceptedEvent | undefined {
    return this.waiting[0]?.event;
  }

  /** How many wait of those up to a sequence. */
  waitingThrough(sequence: number): number {
    const next = this.waiting.findIndex(({ event }) => event.sequence > sequence);
    return next === -1 ? this.waiting.length : next;
  }

  /** Whether an event of this size fits, leaving a share of the bounds free (0 to 1). */
  hasRoom(bytes: number, spareShare = 0): boolean {
    const { maxQueueEvents, maxQueueBytes } = this.limits;
    return (
      this.size + 1 <= maxQueueEvents - Math.floor(maxQueueEvents * spareShare) &&
      this.heldBytes + bytes <= maxQueueBytes * (1 - spareShare)
    );
  }

  push(event: AcceptedEvent, bytes: number): void {
    this.waiting.push({ event, bytes });
    this.heldBytes += bytes;
  }

  /** Up to `maxEvents` events of together at most `maxBytes`, and at least one when any waits. */
  take(maxEvents: number, maxBytes: number): AcceptedEvent[] {
    let count = 0;
    let bytes = 0;
    for (const entry of this.waiting) {
      if (count === maxEvents || (count > 0 && bytes + entry.bytes > maxBytes)) break;
      bytes += entry.bytes;
      count += 1;
    }
    this.takenCount += count;
    this.takenBytes += bytes;
    return this.waiting.splice(0, count).map((entry) => entry.event);
  }

  /** Forgets what `take` gave: it is stored, or kept elsewhere. */
  release(): void {
    this.heldBytes -= this.takenBytes;
    this.takenCount = 0;
    this.takenBytes = 0;
  }

  clear(): void {
    this.waiting.length = 0;
    this.heldBytes = 0;
    this.takenCount = 0;
    this.takenBytes = 0;
  }
}
