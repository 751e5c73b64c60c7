import { encodeRecord, RECORD_BYTES, type RecordHead } from './format';

const FIRST_BYTES = 64 * 1024;
/** A larger one is not kept. */
const LARGEST_BYTES = 1024 * 1024;

/** Records on their way to the disk, in a buffer that is used again. */
export class Scratch {
  private bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
  private end = 0;

  /** Begins anew, with room for so many bytes. */
  begin(length: number): void {
    this.end = 0;
    if (this.bytes.length >= length) return;
    this.bytes = Buffer.allocUnsafeSlow(Math.max(length, Math.min(LARGEST_BYTES, this.bytes.length * 2)));
  }

  /** @returns where the record begins */
  add(head: RecordHead, bytes: Buffer, seed: number): number {
    const at = this.end;
    this.end = encodeRecord(this.bytes, at, head, bytes, seed);
    return at;
  }

  /** What was added, valid until the next beginning. */
  take<T>(use: (bytes: Buffer, length: number) => T): T {
    try {
      return use(this.bytes, this.end);
    } finally {
      if (this.bytes.length > LARGEST_BYTES) this.bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
    }
  }
}

export const recordLength = (bytes: Buffer): number => RECORD_BYTES + bytes.length;
