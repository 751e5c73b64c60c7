import { randomFillSync } from 'node:crypto';

const POOL_BYTES = 4096;
const BYTES_A_UUID = 12;
/** 12 bits of rand_a and 20 of rand_b count within a millisecond; the top bit starts clear to leave room. */
const COUNTER_LIMIT = 2 ** 32;
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

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
    return { uuid: format(lastMs, counter, pool, at + 4), timestamp };
  };
}

function format(ms: number, counter: number, pool: Buffer, at: number): string {
  const time = ms.toString(16).padStart(12, '0');
  const high = (counter >>> 20).toString(16).padStart(3, '0');
  // variant 10, then 20 counter bits, then 42 random bits
  const middle = (0x8000 | ((counter >>> 6) & 0x3fff)).toString(16);
  const low = HEX[((counter & 0x3f) << 2) | ((pool[at] ?? 0) & 3)];
  let random = '';
  for (let i = 1; i <= 5; i++) random += HEX[pool[at + i] ?? 0];
  return `${time.slice(0, 8)}-${time.slice(8)}-7${high}-${middle}-${low}${random}`;
}
