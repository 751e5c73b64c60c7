import { AuditError } from '../errors';

/** The time that one attempt has. Who asked may try again when it is over, so a late attempt must change nothing. */
export class Deadline {
  private readonly endsAt: number;
  private isOver = false;

  constructor(private readonly ms: number) {
    this.endsAt = performance.now() + ms;
  }

  /** @throws {AuditError} when the time is over, also where the process was stopped and no timer could run */
  check(): void {
    if (this.isOver || performance.now() >= this.endsAt) throw this.late();
  }

  /** What the work gives, or an error as soon as the time is over. */
  async limit<T>(work: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const over = new Promise<never>((_, reject) => {
      const end = (): void => {
        this.isOver = true;
        reject(this.late());
      };
      timer = setTimeout(end, this.ms).unref();
    });
    try {
      return await Promise.race([work, over]);
    } finally {
      clearTimeout(timer);
    }
  }

  private late(): AuditError {
    const message = `MongoDB has not answered for ${this.ms / 1_000} seconds; the events are offered again.`;
    return new AuditError('AUDIT_STORE_UNAVAILABLE', message);
  }
}
