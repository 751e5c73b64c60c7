/**
 * What keeps events beside memory until MongoDB has them.
 *
 * What a crash loses, by what had returned before it:
 *
 * | before the crash | process killed | power lost |
 * |---|---|---|
 * | nothing of an event | the event | the event |
 * | `append` or `replace` returned a place | nothing | at most what the last sync interval brought |
 * | `sync()` resolved to true after that | nothing | nothing |
 * | `complete(tail)` was called, its turn of the event loop is not over | the tail; the event says what it said when it was opened | the same |
 * | `release()` was called | nothing: the event is in MongoDB; it may be offered again | the same |
 *
 * An event may be offered more than once, by this process or by the one that adopts what a dead one left: its store
 * MUST take it for the same by its uuid.
 */

/** An event as the bytes of one BSON document, in which what may still change comes last. */
export interface EventBytes {
  /** Counts from 1 in each writer; with the writer it names one event for ever. */
  readonly sequence: number;
  /** Milliseconds since the epoch. */
  readonly timestamp: number;
  readonly body: Buffer;
  /** Where the tail begins in `body`: whole elements, and the byte that ends the document. */
  readonly tailAt: number;
}

/** Where a journal keeps one event. Nothing here throws or waits. */
export interface Place {
  /**
   * Keeps another document under the same sequence, which counts from now on. At once, like `append`.
   *
   * @param isOpen whether its tail is still to come
   * @returns false when it could not be kept: what was kept before still is
   */
  replace(event: EventBytes, isOpen: boolean): boolean;
  /** The tail that takes the place of the one it was opened with. Written by the end of this turn of the event loop. */
  complete(tail: Buffer): void;
  /** Its owner keeps it in memory no longer: `take` MUST give it back. Only for what is not open. */
  spill(): void;
  /** The store has it for good: it may be forgotten. */
  release(): void;
}

/**
 * What `take` gives. Its taker MUST release the place once the store has the event, or the gap that names the loss, and
 * MUST spill it where it gives up.
 */
export type Taken =
  | { readonly kind: 'event'; readonly event: EventBytes; readonly place: Pick<Place, 'spill' | 'release'> }
  | { readonly kind: 'loss'; readonly loss: Loss; readonly place: Pick<Place, 'spill' | 'release'> };

/** Events of one writer, one after the other, whose bytes are gone. The same loss is found again after a crash. */
export interface Loss {
  /** UUID of the process that recorded them. */
  readonly writer: string;
  readonly first: number;
  readonly last: number;
  /** Times of what was kept before and behind them, in milliseconds since the epoch. */
  readonly from: number;
  readonly to: number;
}

export interface JournalState {
  /** As `Journal.isWritable`. */
  readonly isWritable: boolean;
  /** Size on disk, what was adopted included. */
  readonly bytes: number;
  /** Events that `take` has still to give; a loss counts for those that it names. */
  readonly backlog: number;
  /** Events of dead processes that `take` gave or has still to give, counted in the same way. */
  readonly adopted: number;
  /** When the oldest of those was recorded, in milliseconds since the epoch; null when there is none. */
  readonly oldest: number | null;
}

export interface Journal {
  /**
   * Keeps an event: from the return on it survives the process. The one call on the request's path that touches a
   * disk. MUST NOT throw, wait, or leave a part of it behind when it fails; MUST become writable again by itself.
   *
   * @param isOpen whether a tail is still to come
   * @returns null when it could not be kept
   */
  append(event: EventBytes, isOpen: boolean): Place | null;
  /** Whether all that was appended before this call is on the disk for good. One sync serves all who wait. MUST NOT reject. */
  sync(): Promise<boolean>;
  /** The next of what was spilled or left by dead processes, at most this much of it; nothing when there is none. MUST NOT reject. */
  take(maxEvents: number, maxBytes: number): Promise<readonly Taken[]>;
  /** Called whenever `take` has something to give that it had not before. */
  onBacklog(listener: () => void): void;
  /** Whether appending works, as far as is known: asked for each request that has to wait, where `state()` would be dear. */
  readonly isWritable: boolean;
  state(): JournalState;
  /** Starts looking for what dead processes left. MUST NOT throw. */
  start(): void;
  /** Writes what is to be written, and leaves nothing behind when everything was released. MUST NOT reject. */
  close(): Promise<void>;
}
