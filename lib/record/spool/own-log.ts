import type { EventBytes, Place } from '../../journal';
import type { Appender } from './appender';
import { writeCompletions } from './completions';
import { Entry, type EntryLog } from './entry';
import { KIND, type RecordHead } from './format';
import type { Health } from './health';
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
  /** By segment, what is open in it. */
  private readonly open = new Map<OwnSegment, Set<Entry>>();
  /** Open events whose record is gone, or may never have reached the disk. */
  private readonly homeless = new Set<Entry>();
  private isFlushScheduled = false;

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
    if (this.isFlushScheduled) return;
    this.isFlushScheduled = true;
    setImmediate(() => {
      this.isFlushScheduled = false;
      this.flush();
    });
  }

  spill(entry: Entry): void {
    const { segment, sequence, timestamp, completion } = entry;
    if (segment === null) return;
    // what has yet to be written again is not lost
    if (segment.isGone && this.homeless.has(entry)) return;
    segment.spill(sequence, timestamp);
    if (completion !== null && completion.segment !== segment) segment.crossed.set(sequence, completion);
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
    if (!this.house()) return false;
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

  /**
   * Writes what is open in the oldest segments again, when nothing else holds them: a stream of hours keeps one
   * record, not all since.
   */
  carryOver(): void {
    const { appender, segmentBytes } = this.options;
    if (!this.flush()) return;
    let budget = segmentBytes;
    for (const oldest of [...appender.segments]) {
      const entries = this.open.get(oldest) ?? new Set();
      if (!oldest.isSealed || entries.size !== oldest.live) break;
      budget -= this.bytesOf(entries);
      if (budget < 0) break;
      for (const entry of entries) this.homeless.add(entry);
      if (!this.house()) break;
    }
    this.options.onSettled();
  }

  /** What is open in a segment is to be written again: it may never have reached the disk. */
  distrust(segment: OwnSegment): void {
    for (const entry of this.open.get(segment) ?? []) this.homeless.add(entry);
  }

  /** The file of a segment is gone: what is in memory is to be written again, what was spilled is lost. */
  lose(segment: OwnSegment): void {
    for (const entry of this.open.get(segment) ?? []) {
      this.homeless.add(entry);
      segment.give(entry.sequence);
    }
    this.open.delete(segment);
    this.options.appender.forget(segment);
    segment.lose();
    this.lost.push(segment);
    this.options.onSpilled();
  }

  private isRoomFor({ body }: EventBytes): boolean {
    return this.options.health.isWritable && this.options.hasRoom(recordLength(body));
  }

  private bytesOf(entries: ReadonlySet<Entry>): number {
    let bytes = 0;
    for (const { opened } of entries) if (opened !== null) bytes += recordLength(opened.body);
    return bytes;
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
        this.close(entry);
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
    const { appender, health, onWritten } = this.options;
    try {
      const length = recordLength(event.body);
      const segment = appender.segmentFor(length);
      this.scratch.begin(length);
      this.scratch.add(headOf(event, isOpen, entry.segment), event.body, segment.seed);
      this.scratch.take((bytes) => appender.write(segment, bytes, length));
      appender.note(event.sequence);
      this.move(entry, segment, isOpen ? event : null);
      onWritten();
      return true;
    } catch (error) {
      health.fail('Writing to', error);
      return false;
    }
  }

  private move(entry: Entry, segment: OwnSegment, opened: EventBytes | null): void {
    this.forget(entry);
    this.pending.delete(entry.sequence);
    entry.segment = segment;
    entry.opened = opened;
    entry.tail = null;
    entry.completion = null;
    segment.live += 1;
    if (opened === null) return;
    const entries = this.open.get(segment);
    if (entries === undefined) this.open.set(segment, new Set([entry]));
    else entries.add(entry);
  }

  private forget(entry: Entry): void {
    if (entry.segment === null) return;
    entry.segment.live -= 1;
    this.close(entry);
  }

  private close(entry: Entry): void {
    const { segment } = entry;
    entry.opened = null;
    this.homeless.delete(entry);
    if (segment === null) return;
    const entries = this.open.get(segment);
    if (entries?.delete(entry) && entries.size === 0) this.open.delete(segment);
  }

  private writeCompletions(): void {
    const { appender, segmentBytes, onWritten } = this.options;
    for (const [entry, completion] of writeCompletions(appender, this.scratch, this.pending, segmentBytes)) {
      entry.completion = completion;
      if (entry.state === 'spilled' && entry.segment !== null && entry.segment !== completion.segment)
        entry.segment.crossed.set(entry.sequence, completion);
      this.close(entry);
      entry.tail = null;
      this.pending.delete(entry.sequence);
    }
    onWritten();
  }
}

function headOf(event: EventBytes, isOpen: boolean, before: OwnSegment | null): RecordHead {
  const { sequence, timestamp, tailAt } = event;
  const kind = isOpen ? KIND.open : KIND.whole;
  return { kind, sequence, timestamp, tailAt, from: before?.number ?? 0 };
}
