const FIRST_BACKOFF_MS = 100;
const LAST_BACKOFF_MS = 30_000;

/** Tries an operation until it succeeds: 0.1 to 30 seconds apart with full jitter, sooner when woken. */
export class Retry {
  private hasFailed = false;
  private isStopped = false;
  private failures = 0;
  private endPause: (() => void) | null = null;

  constructor(private readonly onFailure: (error: Error) => void) {}

  /** Whether the last attempt failed. */
  get isFailing(): boolean {
    return this.hasFailed;
  }

  /** @returns the answer; null when stopped first */
  async untilAnswered<T>(attempt: () => Promise<T>): Promise<T | null> {
    for (this.failures = 0; !this.isStopped; this.failures++) {
      try {
        const answer = await attempt();
        this.hasFailed = false;
        return this.isStopped ? null : answer;
      } catch (error) {
        // who stopped it knows
        if (this.isStopped) break;
        this.hasFailed = true;
        this.onFailure(error instanceof Error ? error : new Error(String(error)));
        await this.pause();
      }
    }
    return null;
  }

  /** There is a reason to try now: ends the pause, and begins again with short ones. */
  wake(): void {
    this.failures = 0;
    this.endPause?.();
  }

  stop(): void {
    this.isStopped = true;
    this.endPause?.();
  }

  private pause(): Promise<void> {
    const ceiling = Math.min(LAST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** Math.min(this.failures, 20));
    const delay = FIRST_BACKOFF_MS + Math.random() * (ceiling - FIRST_BACKOFF_MS);
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.endPause = null;
        resolve();
      };
      const timer = setTimeout(end, delay).unref();
      this.endPause = end;
    });
  }
}
