import {
  decodeHeader,
  decodeRecord,
  type Found,
  HEADER_BYTES,
  type SegmentHeader,
  SYNC_BYTES,
} from './format';

/** What a segment consists of, in order. */
export interface SegmentVisitor {
  /** Its header, unless that is damaged. */
  header?(header: SegmentHeader): void;
  record(found: Found): void;
  /** Bytes that are no record: between records, or up to the end, where a crash may have cut one. */
  bad(at: number, end: number, isTail: boolean): void;
}

/** Where damage is looked through for the next record, this much makes one step. */
const SEARCH_BYTES = 1024 * 1024;

/** Goes through a segment in steps that are short enough for an event loop. */
export class SegmentParser {
  private at = 0;
  private badFrom: number | null = null;

  constructor(
    private readonly bytes: Buffer,
    private readonly seed: number,
    private readonly visitor: SegmentVisitor,
    identity: { readonly writer: string; readonly number: number },
  ) {
    const header = decodeHeader(bytes, identity.writer, identity.number);
    if (header === null) {
      this.badFrom = 0;
      return;
    }
    this.at = HEADER_BYTES;
    visitor.header?.(header);
  }

  /** @returns whether the end was reached, after about so many bytes */
  step(budget: number): boolean {
    const stop = this.at + budget;
    while (this.at < this.bytes.length && this.at < stop) {
      const found = decodeRecord(this.bytes, this.at, this.seed);
      if (found === null) this.search();
      else this.accept(found);
    }
    if (this.at < this.bytes.length) return false;
    if (this.badFrom !== null) this.visitor.bad(this.badFrom, this.bytes.length, true);
    this.badFrom = null;
    return true;
  }

  private accept(found: Found): void {
    if (this.badFrom !== null) this.visitor.bad(this.badFrom, found.at, false);
    this.badFrom = null;
    this.at = found.end;
    this.visitor.record(found);
  }

  private search(): void {
    this.badFrom ??= this.at;
    const end = Math.min(this.bytes.length, this.at + 1 + SEARCH_BYTES);
    const next = this.bytes.subarray(this.at + 1, end).indexOf(SYNC_BYTES);
    if (next !== -1) this.at += 1 + next;
    else if (end === this.bytes.length) this.at = end;
    // the word may lie across the border
    else this.at = end - SYNC_BYTES.length;
  }
}
