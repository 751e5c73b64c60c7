import type { EventBytes, Place } from '../../journal';
import type { Appender } from './appender';
import { writeCompletions } from './completions';
import { type Completion, Entry, type EntryLog } from './entry';
import { KIND, type RecordHead } from './format';
import type { Health } from './health';
import { HeldEntries } from './held-entries';
import { recordLength, Scratch } from './scratch';
import type { OwnSegment } from './segment';

export interface OwnLogOptions {
  readonly appender: Appender;
  readonly health: Health;
  readonly segmentBytes: number;
  /** Whether so many bytes more are within the budget. */
  hasRoom(bytes: number): boolean;
  onWritten(): void;
  onSpilled(): void;
  /** Something may be deleted. */
  onSettled(): void;
}

/** The events of this process: what is kept of them where, and until when. */
export class OwnLog implements EntryLog {
  /** Segments whose file is gone, with what was lost by that. */
  readonly lost: OwnSegment[] = [];
  private readonly scratch = new Scratch();
  /** Completions that the end of this turn writes. */
  private readonly pending = new Map<number, Entry>();
  private readonly held = new HeldEntries();
  /** Open events whose record is gone, or may never have reached the disk. */
  private readonly homeless = new Set<Entry>();
  private isFlushScheduled = false;
  private isClosed = false;

  constructor(private readonly options: OwnLogOptions) {}

  append(event: EventBytes, isOpen: boolean): Place | null {
    if (!this.isRoomFor(event)) return null;
    const entry = new Entry(this, event.sequence, event.timestamp);
    return this.keep(entry, event, isOpen) ? entry : null;
  }

  replace(entry: Entry, event: EventBytes, isOpen: boolean): boolean {
    return this.isRoomFor(event) && this.keep(entry, event, isOpen);
  }

  complete(entry: Entry): void {
    this.pending.set(entry.sequence, entry);
    if (this.isFlushScheduled || this.isClosed) return;
    this.isFlushScheduled = true;
    setImmediate(() => {
      this.isFlushScheduled = false;
      this.flush();
    });
  }

  spill(entry: Entry): void {
    const { segment, sequence, timestamp } = entry;
    if (segment === null) return;
    if (entry.opened === null) this.held.drop(entry);
    // what has yet to be written again is not lost
    if (segment.isGone && this.homeless.has(entry)) return;
    segment.spill(sequence, timestamp);
    if (segment.isGone) segment.lose();
    this.options.onSpilled();
  }

  release(entry: Entry): void {
    const { segment, sequence, state } = entry;
    if (state === 'spilled') {
      // given already: whoever took it releases it
      if (segment === null) return;
      if (!segment.wants(sequence) && !this.homeless.has(entry)) return;
      segment.give(sequence);
    }
    this.forget(entry);
    this.pending.delete(sequence);
    this.options.onSettled();
  }

  /** The tail of an event that could not be written yet. */
  pendingTail(sequence: number): Buffer | null {
    return this.pending.get(sequence)?.tail ?? null;
  }

  /** Writes the completions that wait. @returns whether none does any more */
  flush(): boolean {
    if (this.isClosed || !this.house()) return false;
    while (this.pending.size > 0) {
      if (!this.options.health.isWell) return false;
      try {
        this.writeCompletions();
      } catch (error) {
        this.options.health.fail('Writing to', error);
        return false;
      }
    }
    return true;
  }

  /** Writes what waits, and nothing from now on: the files may be another process's then. */
  close(): void {
    this.flush();
    this.isClosed = true;
  }

  /**
   * Writes what is open in the oldest segments again, when nothing else holds them: a stream of hours keeps one
   * record, not all since.
   */
  carryOver(): void {
    const { appender, segmentBytes } = this.options;
    if (!this.flush()) return;
    let budget = segmentBytes;
    for (const oldest of [...appender.segments]) {
      if (!oldest.isSealed || this.held.countIn(oldest) !== oldest.live) break;
      const open = this.held.openIn(oldest);
      if (open.length !== oldest.live) break;
      budget -= bytesOf(open);
      if (budget < 0) break;
      for (const entry of open) this.homeless.add(entry);
      if (!this.house()) break;
    }
    this.options.onSettled();
  }

  /** What is open in a segment is to be written again: it may never have reached the disk. */
  distrust(segment: OwnSegment): void {
    for (const entry of this.held.openIn(segment)) this.homeless.add(entry);
  }

  /** Whether it is for `rewrite`: what is open is written again in any case, and what was given is on its way. */
  isKeptIn(segment: OwnSegment, sequence: number): boolean {
    const entry = this.held.find(segment, sequence);
    return entry === undefined ? segment.wants(sequence) : entry.opened === null;
  }

  /** Writes an event again that lies in a segment. @returns false when it could not be written */
  rewrite(segment: OwnSegment, event: EventBytes): boolean {
    const { sequence, timestamp } = event;
    // it may have been settled while it was read
    if (!this.isKeptIn(segment, sequence)) return true;
    const held = this.held.find(segment, sequence);
    if (held !== undefined) return this.keep(held, event, false);
    const spilled = new Entry(this, sequence, timestamp);
    spilled.segment = segment;
    spilled.state = 'spilled';
    if (!this.keep(spilled, event, false)) return false;
    this.held.drop(spilled);
    segment.give(sequence);
    spilled.segment.spill(sequence, timestamp);
    return true;
  }

  /** The same for the end of an event that lies in another segment. */
  rewriteCompletion({ sequence, timestamp, from }: RecordHead, tail: Buffer): boolean {
    const { appender, health } = this.options;
    const segment = appender.segments.find(({ number }) => number === from);
    if (segment === undefined || !this.isKeptIn(segment, sequence)) return true;
    try {
      const head = { kind: KIND.completion, sequence, timestamp, tailAt: 0, from, skipped: 0 };
      segment.crossed.set(sequence, this.write(head, tail));
      return true;
    } catch (error) {
      health.fail('Writing to', error);
      return false;
    }
  }

  /** The file of a segment is gone: what is in memory is to be written again, what was spilled is lost. */
  lose(segment: OwnSegment): void {
    for (const entry of this.held.openIn(segment)) {
      this.homeless.add(entry);
      segment.give(entry.sequence);
    }
    this.held.dropAll(segment);
    this.options.appender.forget(segment);
    segment.lose();
    this.lost.push(segment);
    this.options.onSpilled();
  }

  private isRoomFor({ body }: EventBytes): boolean {
    return this.options.health.isWritable && this.options.hasRoom(recordLength(body));
  }

  /** Writes again what has to be. @returns whether nothing has to any more */
  private house(): boolean {
    for (const entry of this.homeless) {
      const { opened, tail, segment, state } = entry;
      if (!this.options.health.isWell) return false;
      if (opened === null) continue;
      if (state === 'spilled' && segment?.isGone === false && !segment.wants(entry.sequence)) {
        // given meanwhile, with its tail
        this.pending.delete(entry.sequence);
        this.end(entry);
        continue;
      }
      if (!this.keep(entry, opened, true)) return false;
      if (state === 'spilled') {
        segment?.give(entry.sequence);
        entry.segment?.spill(entry.sequence, entry.timestamp);
        this.options.onSpilled();
      }
      entry.tail = tail;
      if (tail !== null) this.complete(entry);
    }
    this.homeless.clear();
    return true;
  }

  private keep(entry: Entry, event: EventBytes, isOpen: boolean): boolean {
    const { appender, health } = this.options;
    try {
      const skipped = appender.skippedBefore(event.sequence);
      const { segment } = this.write(headOf(event, isOpen, entry.segment, skipped), event.body);
      appender.note(event.sequence);
      this.move(entry, segment, isOpen ? event : null);
      return true;
    } catch (error) {
      health.fail('Writing to', error);
      return false;
    }
  }

  /** @throws what the disk says: nothing was written then */
  private write(head: RecordHead, bytes: Buffer): Completion {
    const { appender, onWritten } = this.options;
    const length = recordLength(bytes);
    const segment = appender.segmentFor(length);
    this.scratch.begin(length);
    this.scratch.add(head, bytes, segment.seed);
    const at = this.scratch.take((record) => appender.write(segment, record, length));
    onWritten();
    return { segment, at, length };
  }

  private move(entry: Entry, segment: OwnSegment, opened: EventBytes | null): void {
    this.forget(entry);
    this.pending.delete(entry.sequence);
    entry.segment = segment;
    entry.opened = opened;
    entry.tail = null;
    segment.live += 1;
    this.held.add(segment, entry);
  }

  private forget(entry: Entry): void {
    if (entry.segment === null) return;
    entry.segment.live -= 1;
    entry.segment.crossed.delete(entry.sequence);
    this.end(entry);
    this.held.drop(entry);
  }

  /** It is open no more. */
  private end(entry: Entry): void {
    entry.opened = null;
    this.homeless.delete(entry);
    if (entry.state === 'spilled') this.held.drop(entry);
  }

  private writeCompletions(): void {
    const { appender, segmentBytes, onWritten } = this.options;
    for (const [entry, completion] of writeCompletions(appender, this.scratch, this.pending, segmentBytes)) {
      const { segment } = entry;
      if (segment !== null && segment !== completion.segment) segment.crossed.set(entry.sequence, completion);
      this.end(entry);
      entry.tail = null;
      this.pending.delete(entry.sequence);
    }
    onWritten();
  }
}

function bytesOf(open: readonly Entry[]): number {
  return open.reduce((bytes, { opened }) => bytes + (opened === null ? 0 : recordLength(opened.body)), 0);
}

function headOf(event: EventBytes, isOpen: boolean, before: OwnSegment | null, skipped: number): RecordHead {
  const { sequence, timestamp, tailAt } = event;
  const kind = isOpen ? KIND.open : KIND.whole;
  return { kind, sequence, timestamp, tailAt, from: before?.number ?? 0, skipped };
}
