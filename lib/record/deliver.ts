import type { Reporter } from '../errors';
import type { AuditEvent, DropReason } from '../event';
import type { EventBytes, Journal, Place, Taken } from '../journal';
import type { EventWriter, PreparedEvent } from '../store';
import type { Fate } from './batch';
import { gapEvent } from './build-event';
import type { DeliveryStats, DrainReport } from './delivery-stats';
import type { Intake, OpenEvent } from './intake';
import { Losses } from './losses';
import { OpenEntry } from './open-entry';
import type { QueueLimits } from './queue';
import { Sender } from './sender';
import { type Uuid7, uuidOf } from './uuid';

export type { DeliveryStats, DrainReport };

/** Share of the queue that must be free before a loss is over, so that a full queue does not fill with gaps. */
const SPARE_SHARE = 0.1;

export interface DeliveryParts {
  readonly writer: EventWriter;
  /** Keeps what is recorded besides memory; null at the level `memory`. */
  readonly journal: Journal | null;
  readonly reporter: Reporter;
  readonly uuid7: () => Uuid7;
  readonly source: string | null;
  readonly limits: QueueLimits;
  readonly flushIntervalMs: number;
  /** Masks what an app names by mistake; every event passes here. MUST NOT throw. */
  readonly mask: (event: AuditEvent) => AuditEvent;
  /** Runs what is done for all requests together in the context of none. */
  readonly outside: <T>(task: () => T) => T;
}

/**
 * Delivery: a bounded queue, batches, endless retry; with a journal behind the queue at the levels above `memory`.
 *
 * MUST NOT throw or wait in `accept` and `open`. MUST count every event in exactly one term of the stats. MUST declare
 * every loss by a `gap` event as soon as one can be stored. A crash loses what is in the queue and in no journal.
 */
export class Delivery implements Intake {
  private readonly sender: Sender;
  private readonly losses = new Losses();
  private readonly encoder: Pick<EventWriter, 'prepare' | 'amend'>;
  private sequence = 0;
  private captured = 0;
  private openCount = 0;
  private isClosed = false;
  private closing: Promise<DrainReport> | null = null;

  constructor(private readonly parts: DeliveryParts) {
    const { writer, mask } = parts;
    this.encoder = {
      prepare: (event) => writer.prepare(mask(event)),
      amend: (prepared, event) => writer.amend(prepared, mask(event)),
    };
    this.sender = new Sender({
      ...parts,
      restore: (taken) => this.restore(taken),
      onRoom: () => this.declareLosses(),
      hasMore: () => !this.losses.isEmpty && !this.isClosed,
    });
  }

  get keepsOpen(): boolean {
    return this.parts.journal !== null;
  }

  /** Gives the event its sequence, and queues, spills or drops it. @returns whether a journal keeps it */
  accept(event: AuditEvent): boolean {
    return this.enter(event).prepared.place !== null;
  }

  /** Whether all that a journal keeps by now is on the disk for good. Never rejects. */
  sync(): Promise<boolean> {
    return this.parts.journal?.sync() ?? Promise.resolve(false);
  }

  /** Takes an event as `accept` does, and tells once what becomes of it; null where it waits for no store. */
  follow(event: AuditEvent, onFate: (fate: Fate | 'abandoned' | null) => void): void {
    const { prepared, isQueued } = this.enter(event);
    if (isQueued) this.sender.follow(prepared, onFate);
    else onFate(null);
  }

  private enter(event: AuditEvent): { prepared: PreparedEvent; isQueued: boolean } {
    return this.parts.outside(() => this.enterHere(event));
  }

  private enterHere(event: AuditEvent): { prepared: PreparedEvent; isQueued: boolean } {
    const prepared = this.encoder.prepare(event);
    this.declareLosses(prepared.cost);
    this.number(prepared);
    prepared.place = this.journalled(prepared, { isOpen: false });
    return { prepared, isQueued: this.keep(prepared) };
  }

  open(event: AuditEvent): OpenEvent | null {
    if (this.parts.journal === null || this.isClosed) return null;
    return this.parts.outside(() => this.openHere(event));
  }

  private openHere(event: AuditEvent): OpenEvent | null {
    const prepared = this.encoder.prepare(event);
    prepared.sequence = this.sequence + 1;
    const place = this.journalled(prepared, { isOpen: true });
    // its sequence is still free: what is recorded at its end has one of its own
    if (place === null) return null;
    this.number(prepared);
    this.openCount += 1;
    const { outside } = this.parts;
    return new OpenEntry({ encoder: this.encoder, prepared, place, outside }, (ended) => {
      this.openCount -= 1;
      this.keep(ended);
    });
  }

  private journalled(event: PreparedEvent, { isOpen }: { readonly isOpen: boolean }): Place | null {
    const { journal } = this.parts;
    return journal === null || event.body === null ? null : journal.append(event as EventBytes, isOpen);
  }

  private number(event: PreparedEvent): void {
    this.captured += 1;
    this.sequence += 1;
    event.sequence = this.sequence;
  }

  /** In memory while there is room, else where its journal has it, else not at all. @returns whether it is in memory */
  private keep(event: PreparedEvent): boolean {
    const { queue } = this.sender;
    const hasRoom = !this.isClosed && this.losses.isEmpty && this.hasRoomFor(event);
    if (hasRoom) queue.push(event);
    else if (event.place !== null) event.place.spill();
    else this.drop(event, this.isClosed ? 'closed' : 'queue_full');
    this.sender.schedule();
    return hasRoom;
  }

  /** What the journal keeps gives way to what is kept nowhere else. */
  private hasRoomFor({ cost, place }: PreparedEvent): boolean {
    const { queue } = this.sender;
    if (!queue.hasRoom(cost) && place === null) this.sender.giveWay();
    return queue.hasRoom(cost);
  }

  private drop({ sequence, timestamp }: PreparedEvent, reason: DropReason): void {
    this.losses.add(sequence, timestamp, reason);
    this.parts.reporter.dropped(reason, 1);
  }

  /** Queues the gap events of what was lost, once the queue has room again beside `bytes`. */
  private declareLosses(bytes = 0): void {
    const { queue } = this.sender;
    while (!this.losses.isEmpty && !this.isClosed && queue.hasRoom(bytes, SPARE_SHARE)) this.pushGap();
  }

  private pushGap(): void {
    const run = this.losses.take();
    if (run === undefined) return;
    const gap = this.parts.writer.prepare(gapEvent(this.parts.uuid7(), run, this.parts.source));
    this.number(gap);
    gap.place = this.journalled(gap, { isOpen: false });
    this.sender.queue.push(gap);
    this.sender.schedule();
  }

  private restore(taken: Taken): PreparedEvent {
    const { place } = taken;
    if (taken.kind === 'event') return Object.assign(this.parts.writer.restore(taken.event), { place });
    const { writer, first, last, from, to } = taken.loss;
    const count = last - first + 1;
    this.captured += 1;
    this.losses.count('spool_damaged', count);
    this.parts.reporter.dropped('spool_damaged', count);
    const run = { first, last, from: new Date(from), to: new Date(to), reason: 'spool_damaged' } as const;
    // found again after a crash, it is the same event, at the place of what is lost
    const gap = gapEvent(uuidOf(`${writer} ${first} ${last}`, to), run, this.parts.source);
    return Object.assign(this.parts.writer.prepare(gap, writer), { sequence: first, place });
  }

  /** Waits until all that was accepted so far is stored, quarantined or counted as dropped. */
  async flush(deadlineMs: number): Promise<DrainReport> {
    const endsAt = performance.now() + deadlineMs;
    // a response that its client has seen ends within this turn of the event loop
    await new Promise(setImmediate);
    const { sender } = this;
    const target = sender.queue.pushed;
    if (sender.pendingThrough(target) > 0) await sender.reaches(target, deadlineMs);
    const pending = sender.pendingThrough(target);
    // so that the safe point is past what was stored
    if (sender.pending === 0) await sender.idle(Math.max(0, endsAt - performance.now()));
    return { pending };
  }

  /** Takes no more events, drains within the deadline, and counts as dropped what is left and kept nowhere. Idempotent. */
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
    while (!this.losses.isEmpty) this.pushGap();
    this.isClosed = true;
    await this.flush(left());
    const { pending } = this;
    if (pending === 0) await this.sender.idle(left());
    this.abandon();
    await this.parts.journal?.close();
    return { pending };
  }

  private abandon(): void {
    const lost = this.sender.abandon();
    if (lost === 0) return;
    this.losses.count('closed', lost);
    this.parts.reporter.dropped('closed', lost);
  }

  private get pending(): number {
    return this.sender.pending + this.openCount;
  }

  /** Whether what comes now can be kept until it is stored, as far as memory goes. */
  get hasRoom(): boolean {
    return this.losses.isEmpty && !this.isClosed && this.sender.queue.hasRoom(0, SPARE_SHARE);
  }

  /** Whether what comes now is kept besides memory, as far as is known. */
  get isKeeping(): boolean {
    return !this.isClosed && this.parts.journal?.isWritable === true;
  }

  /** Whether the store takes events, as far as is known. */
  get isStoring(): boolean {
    return !this.sender.isFailing && this.parts.writer.isConnected;
  }

  stats(): DeliveryStats {
    const { sender, losses } = this;
    const journal = this.parts.journal?.state();
    const oldest = Math.min(sender.oldest ?? Infinity, journal?.oldest ?? Infinity);
    const isKeeping = losses.isEmpty && journal?.isWritable !== false;
    return {
      state: this.isStoring && isKeeping ? 'healthy' : 'degraded',
      captured: this.captured + (journal?.adopted ?? 0),
      delivered: sender.delivered,
      pending: this.pending,
      dropped: losses.total,
      droppedByReason: losses.byReason,
      quarantined: sender.quarantined,
      queueBytes: sender.queue.bytes,
      spoolBytes: journal?.bytes ?? 0,
      oldestAgeMs: oldest === Infinity ? 0 : Math.max(0, Date.now() - oldest),
    };
  }
}
