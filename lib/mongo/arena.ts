const CHUNK_BYTES = 64 * 1024;
/** At most an eighth of a chunk stays empty at its end. */
const LARGEST_SHARED = CHUNK_BYTES / 8;
/** The objects around the bytes of one event. */
const ENTRY_BYTES = 512;

/** What was kept, and what it costs in memory. */
export interface Kept {
  readonly body: Buffer;
  /** An upper estimate, in bytes. */
  readonly cost: number;
}

/** What bytes in memory shared with others are charged. */
export function costOf(length: number): number {
  return length + (length >>> 3) + ENTRY_BYTES;
}

/**
 * Memory for what waits: one buffer for many events that come and go together, so that waiting leaves the garbage
 * collector nothing to do, and that no buffer of the app's own is kept alive by an event beside it.
 */
export class Arena {
  private chunk = Buffer.alloc(0);
  private used = 0;

  keep(bytes: Buffer): Kept {
    const kept = this.allocate(bytes.length);
    bytes.copy(kept.body);
    return kept;
  }

  /** Bytes that are yet to be set. */
  allocate(length: number): Kept {
    if (length > LARGEST_SHARED) return { body: Buffer.allocUnsafeSlow(length), cost: length + ENTRY_BYTES };
    if (this.used + length > this.chunk.length) {
      this.chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
      this.used = 0;
    }
    const body = this.chunk.subarray(this.used, this.used + length);
    this.used += length;
    return { body, cost: costOf(length) };
  }
}
