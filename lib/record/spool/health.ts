import { AuditError, type Reporter } from '../../errors';
import { codeOf, type SpoolFs } from './fs';

export interface HealthOptions {
  readonly fs: SpoolFs;
  readonly directory: string;
  readonly reporter: Reporter;
  readonly minFreeBytes: number;
  /** It has to be looked after. */
  onFailed(): void;
}

/** Whether a spool can be written to, and why not. */
export class Health {
  private hasFailed = false;
  private isFull = false;
  private isLow = false;
  private isClosed = false;

  constructor(private readonly options: HealthOptions) {}

  /** New events can be kept. */
  get isWritable(): boolean {
    return !this.hasFailed && !this.isFull && !this.isLow && !this.isClosed;
  }

  /** The disk takes what is written to it, be there room by the limits or not. */
  get isWell(): boolean {
    return !this.hasFailed;
  }

  get isOverBudget(): boolean {
    return this.isFull;
  }

  /** The disk refused something. */
  fail(doing: string, error: unknown): void {
    if (this.isClosed) return;
    this.hasFailed = true;
    const { directory, reporter, onFailed } = this.options;
    onFailed();
    reporter.error(
      new AuditError(
        'AUDIT_SPOOL_FAILED',
        `${doing} the spool in ${directory} failed (${codeOf(error)}): events wait in memory, and it is tried again every second.`,
      ),
    );
  }

  heal(): void {
    this.hasFailed = false;
  }

  fill(isFull: boolean): void {
    if (isFull && !this.isFull) {
      const { directory, reporter } = this.options;
      reporter.error(
        new AuditError(
          'AUDIT_SPOOL_FULL',
          `The spool in ${directory} has reached spool.maxBytes: events wait in memory until MongoDB takes them, or raise the limit.`,
        ),
      );
    }
    this.isFull = isFull;
  }

  /** Looks how much the disk has left. MUST NOT reject. */
  async look(): Promise<void> {
    try {
      this.judge(await this.options.fs.freeBytes(this.options.directory));
    } catch {
      // a disk that does not even say this will refuse what is written
    }
  }

  lookNow(): void {
    try {
      this.judge(this.options.fs.freeBytesSync(this.options.directory));
    } catch {
      // as above
    }
  }

  close(): void {
    this.isClosed = true;
  }

  private judge(freeBytes: number): void {
    const { directory, reporter, minFreeBytes } = this.options;
    const isLow = freeBytes < minFreeBytes;
    if (isLow && !this.isLow) {
      reporter.error(
        new AuditError(
          'AUDIT_SPOOL_FULL',
          `The disk under ${directory} has less than spool.minFreeBytes left: events wait in memory until it has more.`,
        ),
      );
    }
    this.isLow = isLow;
  }
}
