import type { Reporter } from '../errors';
import type { AuditEvent, DropReason } from '../event';
import type { EventWriter, PreparedEvent } from '../store';
import { type BatchParts, storeBatch } from './batch';
import { gapEvent, type LostRun } from './build-event';
import type { DeliveryStats, DrainReport } from './delivery-stats';
import { EventQueue, type QueueLimits } from './queue';
import { Retry } from './retry';
import type { Uuid7 } from './uuid';

export type { DeliveryStats, DrainReport };

const BATCH_EVENTS = 500;
const BATCH_BYTES = 8 * 1024 * 1024;
/** Share of the queue that must be free before a loss is over, so that a full queue does not fill with gaps. */
const SPARE_SHARE = 0.1;
/** Share of the queue that may fill up before its batch is due, however small the queue is. */
const DUE_SHARE = 0.5;

/** Waits for the work, at most this long. The timer is not unref'd: who waits wants the process to live until then. */
async function within(ms: number, work: Promise<void> | null): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise((resolve) => {
    timer = setTimeout(resolve, Math.min(ms, 2 ** 31 - 1));
  });
  await Promise.race([work, over]);
  clearTimeout(timer);
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
  private sequence = 0;
  private delivered = 0;
  private quarantined = 0;
  private readonly droppedByReason = { queue_full: 0, closed: 0 };
  private lost: LostRun | null = null;
  private isClosed = false;
  private isAbandoned = false;
  private running: Promise<void> | null = null;
  private timer: NodeJS.Timeout | undefined;
  private inFlight: readonly PreparedEvent[] = [];
  /** Events of the batch in flight, from its first on, whose fate is already counted. */
  private settled = 0;
  private readonly retry: Retry;
  private readonly batchParts: BatchParts;
  private readonly waiters = new Set<() => void>();
  private closing: Promise<DrainReport> | null = null;

  constructor(private readonly parts: DeliveryParts) {
    this.queue = new EventQueue(parts.limits);
    this.retry = new Retry((error) => parts.reporter.error(error));
    const { writer, reporter } = parts;
    const onSettled = this.onSettled.bind(this);
    this.batchParts = { writer, reporter, retry: this.retry, onSettled };
    writer.onReachable(() => this.resume());
  }

  /** The one way in: gives the event its sequence, and queues or drops it. */
  accept(event: AuditEvent): void {
    const prepared = this.parts.writer.prepare(event);
    this.declareLoss(prepared.cost);
    this.number(prepared);
    if (this.isClosed) {
      this.drop(prepared, 'closed');
    } else if (this.lost !== null || !this.queue.hasRoom(prepared.cost)) {
      this.drop(prepared, 'queue_full');
    } else {
      this.queue.push(prepared);
      this.schedule();
    }
  }

  private number(event: PreparedEvent): void {
    this.sequence += 1;
    event.sequence = this.sequence;
  }

  private drop({ sequence, timestamp }: PreparedEvent, reason: DropReason): void {
    const from = new Date(timestamp);
    this.droppedByReason[reason] += 1;
    this.lost = { first: sequence, from, ...this.lost, last: sequence, to: new Date(), reason };
    this.parts.reporter.dropped(reason, 1);
    this.schedule();
  }

  /** Queues the gap event of a run of losses, once the queue has room again beside `bytes`. */
  private declareLoss(bytes = 0): void {
    if (this.lost === null || this.isClosed || !this.queue.hasRoom(bytes, SPARE_SHARE)) return;
    this.pushGap(this.lost);
  }

  private pushGap(lost: LostRun): void {
    const gap = this.parts.writer.prepare(gapEvent(this.parts.uuid7(), lost, this.parts.source));
    this.number(gap);
    this.lost = null;
    this.queue.push(gap);
    this.schedule();
  }

  private schedule(): void {
    if (this.running !== null || this.isAbandoned || !this.hasWork) return;
    if (this.isDue()) this.run();
    else this.timer ??= setTimeout(() => this.run(), this.parts.flushIntervalMs).unref();
  }

  private get hasWork(): boolean {
    return this.queue.waitingCount > 0 || (this.lost !== null && !this.isClosed);
  }

  /** Whether a batch is to be stored now: what else waits does so for company, since small batches cost far more. */
  private isDue(): boolean {
    const { waitingCount, bytes } = this.queue;
    const isFull = waitingCount >= BATCH_EVENTS || bytes >= BATCH_BYTES || !this.queue.hasRoom(0, DUE_SHARE);
    return isFull || this.waiters.size > 0;
  }

  private run(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.running ??= this.drain().finally(() => {
      this.running = null;
      this.schedule();
    });
  }

  /** The store is there again: for what waits, and to hear that nothing is on its way. */
  private resume(): void {
    if (this.isAbandoned) return;
    this.retry.wake();
    this.run();
  }

  private async drain(): Promise<void> {
    this.declareLoss();
    while (this.queue.waitingCount > 0) {
      this.inFlight = this.queue.take(BATCH_EVENTS, BATCH_BYTES);
      await storeBatch(this.batchParts, this.inFlight);
      if (this.isAbandoned) return;
      this.inFlight = [];
      this.settled = 0;
      this.queue.release();
      this.declareLoss();
      for (const check of this.waiters) check();
      if (!this.isDue()) break;
    }
    await this.parts.writer.idle();
  }

  /** What was abandoned is counted already, whatever becomes of it. */
  private onSettled(fate: 'delivered' | 'quarantined'): void {
    if (this.isAbandoned) return;
    this.settled += 1;
    this[fate] += 1;
  }

  /** Waits until all that was accepted so far is stored, quarantined or counted as dropped. */
  async flush(deadlineMs: number): Promise<DrainReport> {
    // a response that its client has seen ends within this turn of the event loop
    await new Promise(setImmediate);
    const target = this.sequence;
    if (this.pendingThrough(target) > 0) await this.reaches(target, deadlineMs);
    return { pending: this.pendingThrough(target) };
  }

  private pendingThrough(target: number): number {
    const unsettled = this.inFlight.slice(this.settled).filter(({ sequence }) => sequence <= target);
    return unsettled.length + this.queue.waitingThrough(target);
  }

  private async reaches(target: number, deadlineMs: number): Promise<void> {
    let check = (): void => {};
    const reached = new Promise<void>((resolve) => {
      check = () => {
        if (this.oldest === undefined || this.oldest.sequence > target) resolve();
      };
    });
    this.waiters.add(check);
    this.resume();
    await within(deadlineMs, reached);
    this.waiters.delete(check);
  }

  /** Takes no more events, drains within the deadline, and counts what is left as dropped. Idempotent. */
  close(deadlineMs: number): Promise<DrainReport> {
    this.closing ??= this.shutDown(deadlineMs);
    return this.closing;
  }

  private async shutDown(deadlineMs: number): Promise<DrainReport> {
    const endsAt = performance.now() + deadlineMs;
    const left = (): number => Math.max(0, endsAt - performance.now());
    // responses that server.closeAllConnections() cut off end two turns after the server does
    await new Promise(setImmediate);
    await this.flush(left());
    if (this.lost !== null) this.pushGap(this.lost);
    this.isClosed = true;
    await this.flush(left());
    const { pending } = this;
    // so that the store hears that nothing more comes
    if (pending === 0) await within(left(), this.running ?? this.parts.writer.idle());
    this.abandon(pending);
    return { pending };
  }

  private abandon(pending: number): void {
    this.isAbandoned = true;
    this.retry.stop();
    clearTimeout(this.timer);
    this.queue.clear();
    this.inFlight = [];
    this.settled = 0;
    for (const check of this.waiters) check();
    if (pending === 0) return;
    this.droppedByReason.closed += pending;
    this.parts.reporter.dropped('closed', pending);
  }

  /** The first event whose fate is not known. */
  private get oldest(): PreparedEvent | undefined {
    return this.inFlight[this.settled] ?? this.queue.oldest;
  }

  private get pending(): number {
    return this.queue.size - this.settled;
  }

  stats(): DeliveryStats {
    const { queue_full, closed } = this.droppedByReason;
    const { oldest } = this;
    return {
      state:
        this.retry.isFailing || this.lost !== null || !this.parts.writer.isConnected ? 'degraded' : 'healthy',
      captured: this.sequence,
      delivered: this.delivered,
      pending: this.pending,
      dropped: queue_full + closed,
      droppedByReason: { queue_full, closed },
      quarantined: this.quarantined,
      queueBytes: this.queue.bytes,
      oldestAgeMs: oldest === undefined ? 0 : Math.max(0, Date.now() - oldest.timestamp),
    };
  }
}
