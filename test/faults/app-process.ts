import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { extname, join } from 'node:path';
import type { AuditStats } from 'express-audit-events';

const START_MS = 30_000;
const ASK_MS = 10_000;
const MOST_STDERR = 4_000;

export interface AppSettings {
  readonly mongo: string;
  /** More of the environment. */
  readonly environment: Readonly<Record<string, string>>;
}

export interface AppState {
  readonly stats: AuditStats;
  /** Memory of the process, in bytes. */
  readonly rss: number;
  /** Calls to the disk that were made to fail. */
  readonly faults: number;
}

interface Message {
  readonly port?: number;
  readonly workers?: readonly number[];
}

/** Beside this file, as source or compiled: both run the same way. */
function startArguments(): { readonly file: string; readonly execArgv: readonly string[] } {
  const extension = extname(__filename);
  const disk = ['--require', join(__dirname, `faulty-disk${extension}`)];
  const register = extension === '.ts' ? ['--require', join(__dirname, '../support/register.cjs')] : [];
  return { file: join(__dirname, `app${extension}`), execArgv: [...register, ...disk] };
}

/** The app as a process of its own. It ends with its parent, in whatever way that one ends. */
export class AppProcess {
  port = 0;
  /** Processes of a cluster, as it told last. */
  workers: readonly number[] = [];
  stderr = '';
  private readonly ended: Promise<unknown>;

  private constructor(private readonly child: ChildProcess) {
    this.ended = once(child, 'exit');
    child.stderr?.on('data', (data: Buffer) => {
      this.stderr = (this.stderr + data.toString()).slice(-MOST_STDERR);
    });
    child.on('message', ({ port, workers }: Message) => {
      this.port = port ?? this.port;
      this.workers = workers ?? this.workers;
    });
  }

  static async start({ mongo, environment }: AppSettings): Promise<AppProcess> {
    const { file, execArgv } = startArguments();
    const env = { ...process.env, MONGODB_URI: mongo, NODE_OPTIONS: '', ...environment };
    const stdio = ['ignore', 'ignore', 'pipe', 'ipc'] as const;
    const child = fork(file, [], { execArgv: [...execArgv], env, stdio: [...stdio] });
    const app = new AppProcess(child);
    const deadline = Date.now() + START_MS;
    while (app.port === 0) {
      await Promise.race([once(child, 'message'), app.ended, new Promise((tick) => setTimeout(tick, 1_000))]);
      if (!app.isAlive) throw new Error(`The app ended at once: ${app.stderr}`);
      if (Date.now() > deadline) throw new Error(`The app did not start: ${app.stderr}`);
    }
    return app;
  }

  get pid(): number {
    if (this.child.pid === undefined) throw new Error('The app was never started');
    return this.child.pid;
  }

  get isAlive(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  private async ask(path: string): Promise<unknown> {
    const signal = AbortSignal.timeout(ASK_MS);
    const response = await fetch(`http://127.0.0.1:${this.port}${path}`, { signal });
    return response.json();
  }

  state(): Promise<AppState> {
    return this.ask('/control/stats') as Promise<AppState>;
  }

  /** Blocks its event loop. */
  async block(ms: number): Promise<void> {
    await this.ask(`/control/block?ms=${ms}`);
  }

  /** Makes calls of node:fs fail, like `writeSync,fdatasync`; without any, heals them. */
  async failDisk(calls = '', code = 'EIO'): Promise<void> {
    await this.ask(`/control/disk?calls=${calls}&code=${code}`);
  }

  /** Ends it by a signal, and resolves when it is gone. */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    if (!this.isAlive) return;
    this.child.kill(signal);
    await this.ended;
  }
}
