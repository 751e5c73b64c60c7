import { createHash, randomFillSync } from 'node:crypto';

const POOL_BYTES = 4096;
const UUID_BYTES = 16;
/** What of the pool a uuid takes: the start or step of the counter, then six random bytes of its own. */
const BYTES_A_UUID = 10;
/** 12 bits of rand_a and 20 of rand_b count within a millisecond; the top bit starts clear to leave room. */
const COUNTER_LIMIT = 2 ** 32;

export interface Uuid7 {
  readonly uuid: string;
  /** The clock's own milliseconds, also where the uuid had to stay ahead of a clock that stepped back. */
  readonly timestamp: number;
}

/**
 * Makes UUIDs v7 that are strictly increasing, also within a millisecond and when the clock steps back:
 * RFC 9562, 6.2, method 1 (a counter with a random start in the bits below the time).
 */
export function createUuid7(now: () => number = Date.now): () => Uuid7 {
  const pool = Buffer.alloc(POOL_BYTES);
  const bytes = Buffer.alloc(UUID_BYTES);
  let used = POOL_BYTES;
  let lastMs = -1;
  let counter = 0;

  return function uuid7() {
    if (used + BYTES_A_UUID > POOL_BYTES) {
      randomFillSync(pool);
      used = 0;
    }
    const at = used;
    used += BYTES_A_UUID;
    const timestamp = now();
    if (timestamp > lastMs) {
      lastMs = timestamp;
      counter = pool.readUInt32BE(at) >>> 1;
    } else {
      counter += 1 + (pool.readUInt8(at) & 15);
      if (counter >= COUNTER_LIMIT) {
        lastMs += 1;
        counter = pool.readUInt32BE(at) >>> 1;
      }
    }
    pool.copy(bytes, UUID_BYTES - 6, at + 4, at + BYTES_A_UUID);
    return { uuid: format(lastMs, counter, bytes), timestamp };
  };
}

/** A UUID v7 that the same text gets at the same time, always. */
export function uuidOf(text: string, timestamp: number): Uuid7 {
  const bytes = createHash('sha256').update(text).digest();
  return { uuid: format(timestamp, bytes.readUInt32BE(16), bytes), timestamp };
}

function format(ms: number, counter: number, bytes: Buffer): string {
  bytes.writeUIntBE(ms, 0, 6);
  // version 7, then 12 counter bits
  bytes.writeUInt16BE(0x7000 | (counter >>> 20), 6);
  // variant 10, then 20 counter bits, then 42 random bits
  bytes.writeUInt16BE(0x8000 | ((counter >>> 6) & 0x3fff), 8);
  bytes.writeUInt8(((counter & 0x3f) << 2) | (bytes.readUInt8(10) & 3), 10);
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
