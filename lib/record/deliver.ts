import { AuditError, type Reporter } from '../errors';
import type { AcceptedEvent, AuditEvent, DropReason } from '../event';
import type { EventWriter, InsertResult } from '../store';
import { gapEvent, type LostRun } from './build-event';
import { EventQueue, footprint, type QueueLimits } from './queue';
import type { Uuid7 } from './uuid';

const BATCH_EVENTS = 500;
const BATCH_BYTES = 8 * 1024 * 1024;
const FIRST_BACKOFF_MS = 100;
const LAST_BACKOFF_MS = 30_000;
/** Share of the queue that must be free before a loss is over, so that a full queue does not fill with gaps. */
const SPARE_SHARE = 0.1;

/** `captured = delivered + pending + dropped + quarantined`, always. */
export interface DeliveryStats {
  /** `degraded` while events cannot be stored or are being dropped. */
  readonly state: 'healthy' | 'degraded';
  /** Events accepted, gaps included. */
  readonly captured: number;
  /** Events that MongoDB acknowledged by a majority. */
  readonly delivered: number;
  /** Events in the queue or on their way. */
  readonly pending: number;
  /** Events that could not be kept. */
  readonly dropped: number;
  readonly droppedByReason: { readonly [reason in DropReason]: number };
  /** Events that MongoDB refused for what they are, kept in the quarantine collection. */
  readonly quarantined: number;
  /** Memory of the pending events, in bytes. */
  readonly queueBytes: number;
  /** Age of the oldest event that waits, in milliseconds; 0 when none does. */
  readonly oldestAgeMs: number;
}

/** What `flush` and `close` left undone. */
export interface DrainReport {
  /** Events that were not stored before the deadline. */
  readonly pending: number;
}

export interface DeliveryParts {
  readonly writer: EventWriter;
  readonly reporter: Reporter;
  readonly uuid7: () => Uuid7;
  readonly source: string | null;
  readonly limits: QueueLimits;
  readonly flushIntervalMs: number;
}

/**
 * Delivery at the level `memory`: a bounded queue, batches, endless retry.
 *
 * MUST NOT throw or wait in `accept`. MUST count every event in exactly one term of the stats. MUST declare
 * every loss by a `gap` event as soon as one can be stored. A crash loses what is in the queue.
 */
export class Delivery {
  private readonly queue: EventQueue;
  private readonly writerId: string;
  private sequence = 0;
  private delivered = 0;
  private quarantined = 0;
  private readonly droppedByReason = { queue_full: 0, closed: 0 };
  private lost: LostRun | null = null;
  private isFailing = false;
  private isClosed = false;
  private isAbandoned = false;
  private running: Promise<void> | null = null;
  private timer: NodeJS.Timeout | undefined;
  private wake: (() => void) | null = null;
  private inFlight: readonly AcceptedEvent[] = [];
  /** Events of the batch in flight whose fate is already counted. */
  private settled = 0;
  private readonly waiters = new Set<() => void>();
  private closing: Promise<DrainReport> | null = null;

  constructor(private readonly parts: DeliveryParts) {
    this.queue = new EventQueue(parts.limits);
    this.writerId = parts.uuid7().uuid;
    parts.writer.onReachable(() => this.wake?.());
  }

  /** The one way in: gives the event its writer and sequence, and queues or drops it. */
  accept(event: AuditEvent): void {
    const bytes = footprint(event);
    if (this.lost !== null && !this.isClosed && this.queue.hasRoom(bytes, SPARE_SHARE)) this.declareLoss();
    const accepted = this.number(event);
    if (this.isClosed) {
      this.drop(accepted, 'closed');
    } else if (this.lost !== null || !this.queue.hasRoom(bytes)) {
      this.drop(accepted, 'queue_full');
    } else {
      this.queue.push(accepted, bytes);
      this.schedule();
    }
  }

  private number(event: AuditEvent): AcceptedEvent {
    this.sequence += 1;
    return Object.assign(event, { writer: this.writerId, sequence: this.sequence });
  }

  private drop({ sequence, timestamp }: AcceptedEvent, reason: DropReason): void {
    this.droppedByReason[reason] += 1;
    this.lost = { first: sequence, from: timestamp, ...this.lost, last: sequence, to: new Date(), reason };
    this.parts.reporter.dropped(reason, 1);
  }

  /** Queues the gap event of the run of losses that is over. */
  private declareLoss(): void {
    if (this.lost === null) return;
    const gap = this.number(gapEvent(this.parts.uuid7(), this.lost, this.parts.source));
    this.lost = null;
    this.queue.push(gap, footprint(gap));
    this.schedule();
  }

  private schedule(): void {
    if (this.running !== null) return;
    if (this.queue.waitingCount >= BATCH_EVENTS) this.run();
    else this.timer ??= setTimeout(() => this.run(), this.parts.flushIntervalMs).unref();
  }

  private run(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.running ??= this.drain().finally(() => {
      this.running = null;
      if (!this.isAbandoned && this.queue.waitingCount > 0) this.schedule();
    });
  }

  private async drain(): Promise<void> {
    while (this.queue.waitingCount > 0 && !this.isAbandoned) {
      this.inFlight = this.queue.take(BATCH_EVENTS, BATCH_BYTES);
      await this.store(this.inFlight);
      if (this.isAbandoned) return;
      this.inFlight = [];
      this.settled = 0;
      this.queue.release();
      if (this.lost !== null && !this.isClosed && this.queue.hasRoom(0, SPARE_SHARE)) this.declareLoss();
      for (const settle of this.waiters) settle();
    }
    await this.parts.writer.idle();
  }

  /** Stores a batch whole, or in halves where the store refuses it for one of its events. */
  private async store(batch: readonly AcceptedEvent[]): Promise<void> {
    const results = await this.untilAnswered(() => this.insert(batch));
    if (results === null) return;
    if (results !== 'split') return this.settle(batch, results);
    const middle = Math.ceil(batch.length / 2);
    await this.store(batch.slice(0, middle));
    if (!this.isAbandoned) await this.store(batch.slice(middle));
  }

  private async insert(batch: readonly AcceptedEvent[]): Promise<readonly InsertResult[] | 'split'> {
    try {
      return await this.parts.writer.insert(batch);
    } catch (error) {
      const isRefused = error instanceof AuditError && error.code === 'AUDIT_STORE_REJECTED';
      if (!isRefused) throw error;
      return batch.length > 1 ? 'split' : [{ outcome: 'refused', reason: error.message }];
    }
  }

  private async settle(batch: readonly AcceptedEvent[], results: readonly InsertResult[]): Promise<void> {
    for (const [index, event] of batch.entries()) {
      if (this.isAbandoned) return;
      const result = results[index];
      if (result?.outcome === 'stored') {
        this.delivered += 1;
        this.settled += 1;
      } else if (result !== undefined) {
        await this.quarantine(event, result.reason);
      }
    }
  }

  private async quarantine(event: AcceptedEvent, reason: string): Promise<void> {
    const kept = await this.untilAnswered(() => this.parts.writer.quarantine(event, reason).then(() => true));
    if (kept === null) return;
    this.quarantined += 1;
    this.settled += 1;
    const message = `MongoDB refused event ${event.uuid} (${reason}); it is kept in the quarantine collection.`;
    this.parts.reporter.error(new AuditError('AUDIT_EVENT_QUARANTINED', message));
  }

  /** Tries for ever, with full jitter; null when delivery was abandoned. */
  private async untilAnswered<T>(attempt: () => Promise<T>): Promise<T | null> {
    for (let failures = 0; !this.isAbandoned; failures++) {
      try {
        const answer = await attempt();
        this.isFailing = false;
        return this.isAbandoned ? null : answer;
      } catch (error) {
        this.isFailing = true;
        this.parts.reporter.error(error instanceof Error ? error : new Error(String(error)));
        await this.backOff(failures);
      }
    }
    return null;
  }

  /** Ends early when the store becomes reachable, or delivery is abandoned. */
  private backOff(failures: number): Promise<void> {
    const ceiling = Math.min(LAST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** Math.min(failures, 20));
    const delay = FIRST_BACKOFF_MS + Math.random() * (ceiling - FIRST_BACKOFF_MS);
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.wake = null;
        resolve();
      };
      const timer = setTimeout(end, delay).unref();
      this.wake = end;
      if (this.isAbandoned) end();
    });
  }

  /** Waits until all that was accepted so far is stored, quarantined or counted as dropped. */
  async flush(deadlineMs: number): Promise<DrainReport> {
    // a response that its client has seen ends within this turn of the event loop
    await new Promise(setImmediate);
    const target = this.sequence;
    if (this.queue.size > 0) {
      this.run();
      await this.reaches(target, deadlineMs);
    }
    return { pending: this.pendingThrough(target) };
  }

  private pendingThrough(target: number): number {
    const oldest = (this.inFlight[0] ?? this.queue.oldest)?.sequence ?? Number.POSITIVE_INFINITY;
    return Math.min(this.queue.size, Math.max(0, target - oldest + 1));
  }

  private reaches(target: number, deadlineMs: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.waiters.delete(settle);
        resolve();
      };
      const settle = (): void => {
        if (this.pendingThrough(target) === 0) end();
      };
      // not unref'd: whoever awaits a flush wants the process to live until it is over
      const timer = setTimeout(end, Math.min(deadlineMs, 2 ** 31 - 1));
      this.waiters.add(settle);
      settle();
    });
  }

  /** Takes no more events, drains within the deadline, and counts what is left as dropped. Idempotent. */
  close(deadlineMs: number): Promise<DrainReport> {
    this.closing ??= this.shutDown(deadlineMs);
    return this.closing;
  }

  private async shutDown(deadlineMs: number): Promise<DrainReport> {
    await new Promise(setImmediate);
    this.declareLoss();
    this.isClosed = true;
    await this.flush(deadlineMs);
    this.isAbandoned = true;
    this.wake?.();
    const pending = this.pending;
    if (pending > 0) this.abandon(pending);
    return { pending };
  }

  private abandon(pending: number): void {
    this.queue.release();
    this.queue.take(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY);
    this.queue.release();
    this.inFlight = [];
    this.settled = 0;
    this.droppedByReason.closed += pending;
    this.parts.reporter.dropped('closed', pending);
  }

  private get pending(): number {
    return this.queue.size - this.settled;
  }

  stats(): DeliveryStats {
    const { queue_full, closed } = this.droppedByReason;
    const oldest = this.inFlight[0] ?? this.queue.oldest;
    return {
      state: this.isFailing || this.lost !== null || !this.parts.writer.isConnected ? 'degraded' : 'healthy',
      captured: this.sequence,
      delivered: this.delivered,
      pending: this.pending,
      dropped: queue_full + closed,
      droppedByReason: { queue_full, closed },
      quarantined: this.quarantined,
      queueBytes: this.queue.bytes,
      oldestAgeMs: oldest === undefined ? 0 : Math.max(0, Date.now() - oldest.timestamp.getTime()),
    };
  }
}
