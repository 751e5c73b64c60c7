export interface SyncerOptions {
  /** How long what was written may wait. */
  readonly intervalMs: number;
  /** Brings all that was written before the call to the disk. MUST NOT reject. */
  sync(): Promise<boolean>;
}

/** Group commit: one sync at a time, which answers all who asked before it began. */
export class Syncer {
  private waiting: ((isSafe: boolean) => void)[] = [];
  private running: Promise<void> | null = null;
  private timer: NodeJS.Timeout | null = null;

  constructor(private readonly options: SyncerOptions) {}

  sync(): Promise<boolean> {
    return new Promise((resolve) => {
      this.waiting.push(resolve);
      this.running ??= this.run();
    });
  }

  /** Something was written: it is synced within the interval, asked for or not. */
  touch(): void {
    this.timer ??= setTimeout(() => {
      this.timer = null;
      void this.sync();
    }, this.options.intervalMs).unref();
  }

  /** Ends when nothing is under way. */
  async stop(): Promise<void> {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    await this.running;
  }

  private async run(): Promise<void> {
    while (this.waiting.length > 0) {
      // all who ask in this turn of the event loop are answered by one
      await new Promise(setImmediate);
      const answered = this.waiting;
      this.waiting = [];
      const isSafe = await this.options.sync();
      for (const answer of answered) answer(isSafe);
    }
    this.running = null;
  }
}
