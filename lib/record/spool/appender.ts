import { join } from 'node:path';
import { encodeHeader, HEADER_BYTES, MOST_SKIPPED, seedOf } from './format';
import { codeOf, type SpoolFs } from './fs';
import { segmentName } from './host';
import { OwnSegment } from './segment';

export interface AppenderOptions {
  readonly fs: SpoolFs;
  readonly directory: string;
  readonly writer: string;
  readonly key: number;
  readonly segmentBytes: number;
  /** An empty segment was begun: its name is not on the disk yet. */
  onSegment(): void;
}

/** Loops, since a disk that is nearly full writes a part. */
function writeAll(fs: SpoolFs, fd: number, bytes: Buffer, length: number, position: number): void {
  for (let done = 0; done < length; ) {
    const count = fs.writeSync(fd, bytes, done, length - done, position + done);
    if (count === 0) throw Object.assign(new Error('nothing was written'), { code: 'ENOSPC' });
    done += count;
  }
}

/** Writes segments, one at a time. What it cannot do throws, and leaves all as it was. */
export class Appender {
  readonly segments: OwnSegment[] = [];
  private active: OwnSegment | null = null;
  private lastNumber = 0;
  private highest = 0;
  private total = 0;

  constructor(private readonly options: AppenderOptions) {}

  /** Whether there is something on the disk that is not sealed. */
  get activeSegment(): OwnSegment | null {
    return this.active;
  }

  /** Size on disk. */
  get bytes(): number {
    return this.total;
  }

  /** Where the next so many bytes go: a new segment, when they would make the present one too large. */
  segmentFor(length: number): OwnSegment {
    const { active } = this;
    if (active !== null) {
      if (active.bytes + length <= this.options.segmentBytes || active.bytes === HEADER_BYTES) return active;
      this.seal();
    }
    return this.create();
  }

  /** @returns where it begins in the segment */
  write(segment: OwnSegment, bytes: Buffer, length: number): number {
    const at = segment.bytes;
    const fd = segment.descriptor;
    if (fd === null) throw new Error('this segment is sealed');
    try {
      writeAll(this.options.fs, fd, bytes, length, at);
    } catch (error) {
      this.cutBack(segment, fd);
      throw error;
    }
    segment.bytes += length;
    this.total += length;
    segment.isDirty = true;
    return at;
  }

  /** Begins a segment, unless the present one is new and well. */
  begin(): void {
    if (this.active !== null && this.active.bytes === HEADER_BYTES && !this.active.hasFailedSync) return;
    this.seal();
    this.create();
  }

  /** How many before a sequence were never kept. */
  skippedBefore(sequence: number): number {
    return Math.min(MOST_SKIPPED, Math.max(0, sequence - this.highest - 1));
  }

  /** A sequence that is kept now. */
  note(sequence: number): void {
    if (sequence > this.highest) this.highest = sequence;
  }

  /** Nothing more is appended to the present segment. */
  seal(): void {
    if (this.active === null) return;
    this.active.isSealed = true;
    this.active = null;
  }

  /** Its file is gone. */
  forget(segment: OwnSegment): void {
    if (segment.isGone) return;
    segment.isGone = true;
    if (segment === this.active) this.seal();
    const index = this.segments.indexOf(segment);
    if (index !== -1) this.segments.splice(index, 1);
    this.total -= segment.bytes;
    segment.isDirty = false;
    this.closeFile(segment);
  }

  /** Not while it is being synced: then who syncs it closes it. */
  closeFile(segment: OwnSegment): void {
    if (segment.isSyncing) return;
    const fd = segment.releaseDescriptor();
    if (fd === null) return;
    try {
      this.options.fs.closeSync(fd);
    } catch {
      // what a close says was said by the sync before it
    }
  }

  private cutBack(segment: OwnSegment, fd: number): void {
    try {
      this.options.fs.ftruncateSync(fd, segment.bytes);
    } catch {
      // what was not acknowledged stays as a torn tail, behind which nothing may come
      this.seal();
    }
  }

  private create(): OwnSegment {
    const { fs, writer, key } = this.options;
    const { fd, number, path } = this.openNext();
    const segment = new OwnSegment(path, number, writer, key, seedOf(key, number), fd);
    const header = encodeHeader({ number, writer, key, floor: this.highest, createdAt: Date.now() });
    try {
      writeAll(fs, fd, header, header.length, 0);
    } catch (error) {
      this.closeFile(segment);
      this.discard(segment);
      throw error;
    }
    this.lastNumber = number;
    segment.bytes = HEADER_BYTES;
    this.total += HEADER_BYTES;
    segment.isDirty = true;
    this.segments.push(segment);
    this.active = segment;
    this.options.onSegment();
    return segment;
  }

  private openNext(): { fd: number; number: number; path: string } {
    for (let number = this.lastNumber + 1; ; number++) {
      const path = join(this.options.directory, segmentName(number));
      try {
        return { fd: this.options.fs.openSync(path, 'wx', 0o600), number, path };
      } catch (error) {
        // put there by somebody
        if (codeOf(error) !== 'EEXIST') throw error;
      }
    }
  }

  private discard(segment: OwnSegment): void {
    try {
      this.options.fs.unlinkSync(segment.path);
    } catch {
      // deleted later, before those behind it: else what is missing between it and them would count as lost
      segment.isSealed = true;
      this.lastNumber = segment.number;
      this.segments.push(segment);
    }
  }
}
