import { crc32 } from 'node:zlib';

/*
 * A segment is a header and records, all numbers little-endian.
 *
 * header   magic 8 | version u32 | segment u32 | writer 16 | key u32 | floor f64 | created f64 | crc u32
 * record   sync u32 | crc u32 | payload length u32 | payload
 * payload  kind u8 | skipped u24 | tailAt u32 | from u32 | sequence f64 | timestamp f64 | bytes
 *
 * The CRC of a record begins with a seed that only its segment has: bytes of a request that look like a record are
 * none, wherever reading has to begin anew.
 *
 * `from` is the segment of the record that this one completes or takes the place of, 0 for none: so a reader knows
 * what crosses segments without holding all sequences. Of several whole or open records of one sequence the last
 * counts; a completion belongs to the last of them before it, and what takes their place leaves it behind.
 *
 * `skipped` is how many sequences just before this one were never written, the disk being full or at fault: so that
 * they are not taken for lost.
 */

export const VERSION = 1;
export const HEADER_BYTES = 56;
export const RECORD_BYTES = 40;

const MAGIC = Buffer.from('AUDITSEG');
const SYNC = 0xf5a1d7fe;
export const SYNC_BYTES = Buffer.from([0xfe, 0xd7, 0xa1, 0xf5]);
const PAYLOAD_AT = 12;
const HEAD_BYTES = RECORD_BYTES - PAYLOAD_AT;

export const KIND = { whole: 1, open: 2, completion: 3 } as const;
const KIND_BITS = 8;
/** More than this many are said to be this many. */
export const MOST_SKIPPED = 2 ** 24 - 1;
export type Kind = (typeof KIND)[keyof typeof KIND];

export interface SegmentHeader {
  readonly number: number;
  readonly writer: string;
  readonly key: number;
  /** The highest sequence that was appended before this segment. */
  readonly floor: number;
  readonly createdAt: number;
}

export interface RecordHead {
  readonly kind: Kind;
  readonly sequence: number;
  readonly timestamp: number;
  readonly tailAt: number;
  readonly from: number;
  readonly skipped: number;
}

/** A record and where it lies: `at` its first byte, `start` that of what it carries, `end` behind it. */
export interface Found extends RecordHead {
  readonly at: number;
  readonly start: number;
  readonly end: number;
}

const uuidBytes = (uuid: string): Buffer => Buffer.from(uuid.replaceAll('-', ''), 'hex');

export function seedOf(key: number, number: number): number {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32LE(key, 0);
  bytes.writeUInt32LE(number, 4);
  return crc32(bytes);
}

export function encodeHeader({ number, writer, key, floor, createdAt }: SegmentHeader): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES);
  MAGIC.copy(bytes);
  bytes.writeUInt32LE(VERSION, 8);
  bytes.writeUInt32LE(number, 12);
  uuidBytes(writer).copy(bytes, 16, 0, 16);
  bytes.writeUInt32LE(key, 32);
  bytes.writeDoubleLE(floor, 36);
  bytes.writeDoubleLE(createdAt, 44);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, HEADER_BYTES - 4)), HEADER_BYTES - 4);
  return bytes;
}

/** @returns null unless it is whole and says what it must */
export function decodeHeader(bytes: Buffer, writer: string, number: number): SegmentHeader | null {
  if (bytes.length < HEADER_BYTES || !bytes.subarray(0, 8).equals(MAGIC)) return null;
  if (bytes.readUInt32LE(HEADER_BYTES - 4) !== crc32(bytes.subarray(0, HEADER_BYTES - 4))) return null;
  if (bytes.readUInt32LE(8) !== VERSION || bytes.readUInt32LE(12) !== number) return null;
  if (!bytes.subarray(16, 32).equals(uuidBytes(writer))) return null;
  const [floor, createdAt] = [bytes.readDoubleLE(36), bytes.readDoubleLE(44)];
  return { number, writer, key: bytes.readUInt32LE(32), floor, createdAt };
}

/** @returns where the record ends in `target` */
export function encodeRecord(
  target: Buffer,
  at: number,
  head: RecordHead,
  bytes: Buffer,
  seed: number,
): number {
  const end = at + RECORD_BYTES + bytes.length;
  target.writeUInt32LE(SYNC, at);
  target.writeUInt32LE(HEAD_BYTES + bytes.length, at + 8);
  target.writeUInt32LE(head.kind + head.skipped * 2 ** KIND_BITS, at + 12);
  target.writeUInt32LE(head.tailAt, at + 16);
  target.writeUInt32LE(head.from, at + 20);
  target.writeDoubleLE(head.sequence, at + 24);
  target.writeDoubleLE(head.timestamp, at + 32);
  bytes.copy(target, at + RECORD_BYTES);
  target.writeUInt32LE(crc32(target.subarray(at + 8, end), seed), at + 4);
  return end;
}

function isKind(value: number): value is Kind {
  return value === KIND.whole || value === KIND.open || value === KIND.completion;
}

/** @returns null unless a whole record lies there */
export function decodeRecord(bytes: Buffer, at: number, seed: number): Found | null {
  if (at + RECORD_BYTES > bytes.length || bytes.readUInt32LE(at) !== SYNC) return null;
  const length = bytes.readUInt32LE(at + 8);
  const end = at + PAYLOAD_AT + length;
  if (length < HEAD_BYTES || end > bytes.length || !isKind(bytes.readUInt8(at + 12))) return null;
  if (crc32(bytes.subarray(at + 8, end), seed) !== bytes.readUInt32LE(at + 4)) return null;
  return readRecord(bytes, at);
}

/** What is known to be one. */
export function readRecord(bytes: Buffer, at: number): Found {
  const word = bytes.readUInt32LE(at + 12);
  return {
    kind: (word & (2 ** KIND_BITS - 1)) as Kind,
    tailAt: bytes.readUInt32LE(at + 16),
    from: bytes.readUInt32LE(at + 20),
    skipped: word >>> KIND_BITS,
    sequence: bytes.readDoubleLE(at + 24),
    timestamp: bytes.readDoubleLE(at + 32),
    at,
    start: at + RECORD_BYTES,
    end: at + PAYLOAD_AT + bytes.readUInt32LE(at + 8),
  };
}

/** The document whose end, from `tailAt` on, is the tail. */
export function joinTail(body: Buffer, tailAt: number, tail: Buffer): Buffer {
  const length = tailAt + tail.length;
  const joined = Buffer.allocUnsafe(length);
  body.copy(joined, 0, 0, tailAt);
  tail.copy(joined, tailAt);
  if (length >= 4) joined.writeInt32LE(length, 0);
  return joined;
}
