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

/**
 * Memory for what waits: one buffer for many events that come and go together, so that waiting leaves the garbage
 * collector nothing to do, and that no buffer of the app's own is kept alive by an event beside it.
 */
export class Arena {
  private chunk = Buffer.alloc(0);
  private used = 0;

  keep(bytes: Buffer): Kept {
    const { length } = bytes;
    if (length > LARGEST_SHARED) {
      const body = Buffer.allocUnsafeSlow(length);
      bytes.copy(body);
      return { body, cost: length + ENTRY_BYTES };
    }
    if (this.used + length > this.chunk.length) {
      this.chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
      this.used = 0;
    }
    const body = this.chunk.subarray(this.used, this.used + length);
    bytes.copy(body);
    this.used += length;
    return { body, cost: length + (length >>> 3) + ENTRY_BYTES };
  }
}
