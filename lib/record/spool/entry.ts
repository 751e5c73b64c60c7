import type { EventBytes, Place } from '../../journal';
import type { OwnSegment } from './segment';

/** What an entry asks of the log that keeps it. */
export interface EntryLog {
  replace(entry: Entry, event: EventBytes, isOpen: boolean): boolean;
  complete(entry: Entry): void;
  spill(entry: Entry): void;
  release(entry: Entry): void;
}

export interface Completion {
  readonly segment: OwnSegment;
  readonly at: number;
  readonly length: number;
}

/** One event of this process, as long as its owner holds on to its place. */
export class Entry implements Place {
  /** Where its record lies; null when that is gone. */
  segment: OwnSegment | null = null;
  /** Its bytes, until its completion is written. */
  opened: EventBytes | null = null;
  /** What is still to be written of it. */
  tail: Buffer | null = null;
  state: 'held' | 'spilled' | 'released' = 'held';

  constructor(
    private readonly log: EntryLog,
    readonly sequence: number,
    readonly timestamp: number,
  ) {}

  get isOpen(): boolean {
    return this.opened !== null && this.tail === null;
  }

  replace(event: EventBytes, isOpen: boolean): boolean {
    return this.state === 'held' && this.log.replace(this, event, isOpen);
  }

  complete(tail: Buffer): void {
    if (this.state !== 'held' || !this.isOpen) return;
    this.tail = tail;
    this.log.complete(this);
  }

  spill(): void {
    if (this.state !== 'held' || this.isOpen) return;
    this.state = 'spilled';
    this.log.spill(this);
  }

  release(): void {
    if (this.state === 'released') return;
    this.log.release(this);
    this.state = 'released';
  }
}
