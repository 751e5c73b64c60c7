import type { Reporter } from '../errors';
import type { Journal, Taken } from '../journal';
import type { EventWriter, PreparedEvent } from '../store';
import { type BatchParts, type Fate, storeBatch } from './batch';
import { EventQueue, type QueueLimits } from './queue';
import { Retry } from './retry';

const BATCH_EVENTS = 500;
const BATCH_BYTES = 8 * 1024 * 1024;
/** Share of the queue that may fill up before its batch is due, however small the queue is. */
const DUE_SHARE = 0.5;

export interface SenderParts {
  readonly writer: EventWriter;
  /** What it holds back is stored behind the queue. */
  readonly journal: Journal | null;
  readonly reporter: Reporter;
  readonly limits: QueueLimits;
  readonly flushIntervalMs: number;
  /** Makes an event of what a journal gives. */
  readonly restore: (taken: Taken) => PreparedEvent;
  /** Called where room may have become free. */
  readonly onRoom: () => void;
  /** Whether there is work besides what waits. */
  readonly hasMore: () => boolean;
}

/** What is being stored. */
interface Flight {
  readonly batch: readonly PreparedEvent[];
  readonly isQueued: boolean;
  /** Events from the first on whose fate is counted. */
  settled: number;
}

const NO_FLIGHT: Flight = { batch: [], isQueued: true, settled: 0 };

/** Waits for the work, at most this long. The timer is not unref'd: who waits wants the process to live until then. */
export async function within(ms: number, work: Promise<void> | null): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise((resolve) => {
    timer = setTimeout(resolve, Math.min(ms, 2 ** 31 - 1));
  });
  await Promise.race([work, over]);
  clearTimeout(timer);
}

/** Sends what waits to the store, in batches, one after the other, until all of it is there. */
export class Sender {
  readonly queue: EventQueue;
  private readonly fatesCount = { delivered: 0, quarantined: 0 };
  private isAbandoned = false;
  private running: Promise<void> | null = null;
  private timer: NodeJS.Timeout | undefined;
  /** Whether the journal has said that there is something to take: to ask it for each event would be dear. */
  private mayHaveBacklog = false;
  private flight = NO_FLIGHT;
  /** How many had ever been queued when some of them left the queue for the journal. */
  private gaveWayAt = 0;
  private readonly retry: Retry;
  private readonly batchParts: BatchParts;
  private readonly waiters = new Set<() => void>();
  private readonly followers = new Map<PreparedEvent, (fate: Fate | 'abandoned') => void>();

  constructor(private readonly parts: SenderParts) {
    const { writer, reporter, journal } = parts;
    this.queue = new EventQueue(parts.limits);
    this.retry = new Retry((error) => reporter.error(error));
    const onSettled = this.onSettled.bind(this);
    this.batchParts = { writer, reporter, retry: this.retry, onSettled };
    writer.onReachable(() => this.resume());
    journal?.onBacklog(() => {
      this.mayHaveBacklog = true;
      this.schedule();
    });
  }

  get delivered(): number {
    return this.fatesCount.delivered;
  }

  get quarantined(): number {
    return this.fatesCount.quarantined;
  }

  /** Whether the last attempt to store something failed. */
  get isFailing(): boolean {
    return this.retry.isFailing;
  }

  /** What waits or is on its way. */
  get pending(): number {
    return this.queuePending + this.behindQueue;
  }

  /** When the first event in memory came whose fate is not known, in milliseconds since the epoch. */
  get oldest(): number | null {
    const { batch, settled } = this.flight;
    return batch[settled]?.timestamp ?? this.queue.oldest?.timestamp ?? null;
  }

  /** Tells what becomes of an event in the queue, once, and has it sent at once; `abandoned` where it waits for the store no more. */
  follow(event: PreparedEvent, onFate: (fate: Fate | 'abandoned') => void): void {
    this.followers.set(event, onFate);
    this.schedule();
  }

  /** Leaves to the journal what it keeps of the queue, for the sake of what is kept nowhere else. */
  giveWay(): void {
    for (const event of this.queue.giveWay()) {
      this.gaveWayAt = this.queue.pushed;
      event.place?.spill();
      this.followers.get(event)?.('abandoned');
      this.followers.delete(event);
    }
  }

  schedule(): void {
    if (this.running !== null || this.isAbandoned || !this.hasWork) return;
    if (this.isDue) this.run();
    else this.timer ??= setTimeout(() => this.run(), this.parts.flushIntervalMs).unref();
  }

  private get backlog(): number {
    return this.parts.journal?.state().backlog ?? 0;
  }

  private get hasWork(): boolean {
    return this.queue.waitingCount > 0 || this.mayHaveBacklog || this.parts.hasMore();
  }

  /** Whether a batch is to be stored now: what else waits does so for company, since small batches cost far more. */
  private get isDue(): boolean {
    const { waitingCount, bytes } = this.queue;
    const isFull = waitingCount >= BATCH_EVENTS || bytes >= BATCH_BYTES || !this.queue.hasRoom(0, DUE_SHARE);
    return isFull || this.waiters.size > 0 || this.followers.size > 0 || this.mayHaveBacklog;
  }

  private run(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.running ??= this.drain().finally(() => {
      this.running = null;
      this.schedule();
    });
  }

  /** There is reason to try now: the store is there again, or somebody waits. */
  resume(): void {
    if (this.isAbandoned) return;
    this.retry.wake();
    this.run();
  }

  private async drain(): Promise<void> {
    this.parts.onRoom();
    while (this.queue.waitingCount > 0 || this.mayHaveBacklog) {
      if (this.queue.waitingCount > 0) await this.storeQueued();
      if (this.mayHaveBacklog && !this.isAbandoned) await this.storeBacklog();
      if (this.isAbandoned) return;
      this.parts.onRoom();
      for (const check of this.waiters) check();
      if (!this.isDue) break;
    }
    await this.parts.writer.idle();
  }

  private async storeQueued(): Promise<void> {
    await this.store({ batch: this.queue.take(BATCH_EVENTS, BATCH_BYTES), isQueued: true, settled: 0 });
    if (!this.isAbandoned) this.queue.release();
  }

  /** What was spilled, and what dead processes left. */
  private async storeBacklog(): Promise<void> {
    this.mayHaveBacklog = false;
    const taken = (await this.parts.journal?.take(BATCH_EVENTS, BATCH_BYTES)) ?? [];
    if (taken.length > 0) this.mayHaveBacklog = true;
    if (this.isAbandoned) {
      for (const { place } of taken) place.spill();
      return;
    }
    const batch = taken.map((one) => this.parts.restore(one));
    if (batch.length > 0) await this.store({ batch, isQueued: false, settled: 0 });
  }

  private async store(flight: Flight): Promise<void> {
    this.flight = flight;
    await storeBatch(this.batchParts, flight.batch);
    if (!this.isAbandoned) this.flight = NO_FLIGHT;
  }

  /** What was abandoned is counted already, whatever becomes of it. */
  private onSettled(fate: Fate): void {
    if (this.isAbandoned) return;
    const event = this.flight.batch[this.flight.settled];
    this.flight.settled += 1;
    this.fatesCount[fate] += 1;
    if (event === undefined) return;
    event.place?.release();
    this.followers.get(event)?.(fate);
    this.followers.delete(event);
  }

  /** Of the first so many that were ever queued, and of all behind the queue, those whose fate is not known. */
  pendingThrough(pushed: number): number {
    // which of them left the queue is not known
    const through = Math.max(pushed, this.gaveWayAt);
    return Math.max(0, through - (this.queue.pushed - this.queuePending)) + this.behindQueue;
  }

  private get queuePending(): number {
    return this.queue.size - (this.flight.isQueued ? this.flight.settled : 0);
  }

  private get behindQueue(): number {
    const { isQueued, batch, settled } = this.flight;
    return this.backlog + (isQueued ? 0 : batch.length - settled);
  }

  /** Waits until `pendingThrough` says that there are none. */
  async reaches(pushed: number, deadlineMs: number): Promise<void> {
    let check = (): void => {};
    const reached = new Promise<void>((resolve) => {
      check = () => {
        if (this.pendingThrough(pushed) === 0) resolve();
      };
    });
    this.waiters.add(check);
    this.resume();
    await within(deadlineMs, reached);
    this.waiters.delete(check);
  }

  /** Waits until the store heard that nothing more comes. */
  idle(deadlineMs: number): Promise<void> {
    return within(deadlineMs, this.running ?? this.parts.writer.idle());
  }

  /** Ends. What a journal has is left to it. @returns how many events are kept nowhere now */
  abandon(): number {
    this.isAbandoned = true;
    this.retry.stop();
    clearTimeout(this.timer);
    const unsettled = [...this.flight.batch.slice(this.flight.settled), ...this.queue.clear()];
    this.flight = NO_FLIGHT;
    for (const check of this.waiters) check();
    for (const tell of this.followers.values()) tell('abandoned');
    this.followers.clear();
    for (const { place } of unsettled) place?.spill();
    return unsettled.filter(({ place }) => place === null).length;
  }
}
