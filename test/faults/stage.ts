import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { Agent } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AppProcess } from './app-process';
import { Database } from './database';
import { isStrict, Ledger, type Level, type Mix } from './ledger';
import { atExit } from './leftovers';
import { exchange, Load, Target } from './load';
import { ReplicaSet } from './replica-set';
import { Look } from './stored';
import { until } from './until';

const FILE_BYTES = 40_000;

export interface StageOptions {
  readonly level: Level;
  /** 1 for the whole of it; less for a shorter run. */
  readonly scale: number;
  readonly mix?: Omit<Mix, 'level'>;
}

/** Options of `createAudit`, beside those that the level asks for. */
export type AuditSettings = Readonly<Record<string, unknown>>;

/** Everything that one fault needs; whatever happens, nothing of it stays behind. */
export class Stage {
  readonly ledger: Ledger;
  readonly target = new Target();
  /** What is worth knowing beside the counts. */
  readonly notes: string[] = [];
  /** Promises that were broken, beside what the oracle finds. */
  readonly broken: string[] = [];
  readonly apps: AppProcess[] = [];
  spool: string;
  /** Given to every app that is started from now on. */
  settings: AuditSettings = {};
  environment: Readonly<Record<string, string>> = {};
  private readonly loads: Load[] = [];
  private readonly cleaners: (() => Promise<unknown> | unknown)[] = [];
  private looking: Look | null = null;
  private uri = '';

  private constructor(
    readonly options: StageOptions,
    readonly directory: string,
  ) {
    this.spool = join(directory, 'spool');
    this.ledger = new Ledger({ level: options.level, ...options.mix });
  }

  static async create(options: StageOptions): Promise<Stage> {
    const directory = await mkdtemp(join(tmpdir(), 'faults-'));
    const forget = atExit(() => rmSync(directory, { recursive: true, force: true }));
    await mkdir(join(directory, 'spool'), { mode: 0o700 });
    await writeFile(join(directory, 'file.txt'), 'z'.repeat(FILE_BYTES));
    const stage = new Stage(options, directory);
    stage.defer(async () => {
      await rm(directory, { recursive: true, force: true, maxRetries: 5 });
      forget();
    });
    return stage;
  }

  get level(): Level {
    return this.options.level;
  }

  /** A number of the whole run, as many as this run asks for. */
  scaled(count: number, least = 1): number {
    return Math.max(least, Math.round(count * this.options.scale));
  }

  defer(cleaner: () => Promise<unknown> | unknown): void {
    this.cleaners.push(cleaner);
  }

  expect(isKept: boolean, promise: string): void {
    if (!isKept) this.broken.push(promise);
  }

  /** Where the app finds MongoDB, and where the oracle does, in a database of their own. */
  useMongo(app: string, oracle = app): void {
    const name = `faults_${randomUUID().replaceAll('-', '')}`;
    const within = (base: string): string => base.replace(/\/(?=\?|$)/, `/${name}`);
    this.uri = within(app);
    this.looking = new Look(within(oracle));
    this.defer(() => this.looking?.close());
  }

  /** The MongoDB that the whole run has, for faults that are not about it. */
  useSharedDatabase(): void {
    this.useMongo(process.env.TEST_MONGODB_URI ?? '');
  }

  async startDatabase(args: readonly string[] = []): Promise<Database> {
    const database = await Database.start(args);
    this.defer(() => database.dispose());
    return database;
  }

  /** A MongoDB that the app reaches by a direct way. */
  async useDatabase(args: readonly string[] = []): Promise<Database> {
    const database = await this.startDatabase(args);
    this.useMongo(database.uri);
    return database;
  }

  async useReplicaSet(): Promise<ReplicaSet> {
    const set = await ReplicaSet.start();
    this.defer(() => set.dispose());
    this.useMongo(set.uri);
    return set;
  }

  get look(): Look {
    if (this.looking === null) throw new Error('There is no MongoDB yet');
    return this.looking;
  }

  private get handledLog(): string {
    return join(this.directory, 'handled.log');
  }

  /** Requests whose handler began. */
  handled(): ReadonlySet<string> {
    if (!existsSync(this.handledLog)) return new Set();
    return new Set(readFileSync(this.handledLog, 'utf8').split('\n').filter(Boolean));
  }

  /** The app, with the spool directory of those before it. */
  async startApp(target = this.target): Promise<AppProcess> {
    const [durability = '', at = ''] = this.level.split('-');
    const app = await AppProcess.start({
      mongo: this.uri,
      environment: {
        AUDIT_DURABILITY: durability,
        AUDIT_STRICT_AT: at,
        AUDIT_SPOOL_DIR: this.spool,
        AUDIT_OPTIONS: JSON.stringify(this.settings),
        APP_FILE: join(this.directory, 'file.txt'),
        ...(isStrict(this.level) && { APP_HANDLED_LOG: this.handledLog }),
        ...(this.options.mix?.documents && { APP_DOCUMENTS: '1' }),
        ...this.environment,
      },
    });
    this.apps.push(app);
    target.up(app.port);
    return app;
  }

  async endApp(app: AppProcess, signal: 'SIGKILL' | 'SIGTERM', target = this.target): Promise<void> {
    target.down();
    await app.end(signal);
  }

  /** The one that was started last. */
  get app(): AppProcess {
    const app = this.apps.at(-1);
    if (app === undefined) throw new Error('There is no app yet');
    return app;
  }

  load(options: { connections?: number; rate?: number; target?: Target } = {}): Load {
    const load = new Load({ connections: 16, target: this.target, ledger: this.ledger, ...options });
    this.loads.push(load);
    return load;
  }

  /** Waits for that many more responses. */
  async answers(load: Load, count: number): Promise<void> {
    const enough = load.latencies.length + count;
    await until(`${count} more responses`, () => load.latencies.length >= enough);
  }

  async stopLoads(): Promise<void> {
    await Promise.all(this.loads.map((load) => load.stop()));
  }

  /** One more request, and its event in MongoDB. */
  async freshEvent(): Promise<void> {
    const agent = new Agent();
    await until('a fresh event is stored', async () => {
      const sent = this.ledger.next('json');
      await exchange(agent, await this.target.ready(), sent);
      if (sent.progress !== 'whole' || sent.isRejected) return false;
      await until('the event of a fresh request', () => this.look.has(sent.id));
      return true;
    });
  }

  /** Last things first; one that fails keeps no other from being done. */
  async dispose(): Promise<void> {
    this.target.wake();
    await Promise.allSettled(this.apps.map((app) => app.end('SIGKILL')));
    await Promise.allSettled(this.loads.map((load) => load.stop()));
    for (const cleaner of this.cleaners.reverse()) {
      try {
        await cleaner();
      } catch (error) {
        this.notes.push(`could not clean up: ${error}`);
      }
    }
  }
}
