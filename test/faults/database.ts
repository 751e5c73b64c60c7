import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Mongod, startMongod } from '../../examples/mongod';
import { atExit } from './leftovers';

/** A mongod that faults happen to: whatever they do, it comes back at the same port, with its data. */
export class Database {
  private readonly forget = atExit(() => {
    this.signal('SIGKILL');
    rmSync(this.directory, { recursive: true, force: true, maxRetries: 5 });
  });

  private constructor(
    private mongod: Mongod,
    private readonly directory: string,
    private readonly args: readonly string[],
  ) {}

  static async start(args: readonly string[] = []): Promise<Database> {
    const directory = await mkdtemp(join(tmpdir(), 'faults-mongod-'));
    const small = ['--wiredTigerCacheSizeGB', '0.25', ...args];
    try {
      const mongod = await startMongod({ dbPath: directory, args: small, log: () => {} });
      return new Database(mongod, directory, small);
    } catch (error) {
      await rm(directory, { recursive: true, force: true, maxRetries: 5 });
      throw error;
    }
  }

  get port(): number {
    return this.mongod.port;
  }

  get uri(): string {
    return `mongodb://127.0.0.1:${this.port}/`;
  }

  private signal(signal: NodeJS.Signals): void {
    try {
      process.kill(this.mongod.pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }

  freeze(): void {
    this.signal('SIGSTOP');
  }

  thaw(): void {
    this.signal('SIGCONT');
  }

  /** Shuts it down as an operator does. */
  async stop(): Promise<void> {
    await this.mongod.stop();
  }

  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.mongod.stop();
  }

  async restart(): Promise<void> {
    const { directory: dbPath, args } = this;
    this.mongod = await startMongod({ dbPath, port: this.port, args: [...args], log: () => {} });
  }

  async dispose(): Promise<void> {
    this.signal('SIGKILL');
    await this.mongod.stop();
    await rm(this.directory, { recursive: true, force: true, maxRetries: 5 });
    this.forget();
  }
}
