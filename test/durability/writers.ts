import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Connection } from 'mongoose';
import { dbOf, until } from '../delivery/harness';

export interface Block {
  readonly writer: string;
  readonly first: number;
  readonly last: number;
}

interface Counter {
  readonly _id: string;
  readonly blocks: readonly Block[];
}

/** One process of the cluster, by its pid; its name is that of its events, and of its connections. */
export interface Writer {
  readonly name: string;
  readonly pid: number;
}

/** One in ten finds it there. */
const MOST_TRIES = 200;
const register = ['--require', join(__dirname, '../support/register.cjs')];

/** Processes that write events at level spool until they are told to stop. One that is killed is started again. */
export class Writers {
  /** Uuids of events that a writer was promised are kept. */
  readonly acknowledged: string[] = [];
  private readonly pids = new Map<string, number>();
  private readonly exited: Promise<unknown>;

  private constructor(private readonly leader: ChildProcess) {
    this.exited = once(leader, 'exit');
    leader.on('message', ({ writer, pid }: { writer: string; pid: number }) => this.pids.set(writer, pid));
    if (leader.stdout === null) throw new Error('stdout is a pipe');
    createInterface(leader.stdout).on('line', (line) => this.acknowledged.push(line));
  }

  static async start(environment: { WRITERS: string; MONGODB_URI: string; SPOOL: string }): Promise<Writers> {
    const leader = fork(join(__dirname, 'writers-main.ts'), [], {
      execArgv: register,
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    });
    const writers = new Writers(leader);
    await until(() => writers.pids.size === Number(environment.WRITERS));
    return writers;
  }

  get(writer: string): Writer {
    const pid = this.pids.get(writer) ?? 0;
    return { name: `${writer}-${pid}`, pid };
  }

  /** Waits for the one that is started in place of a dead one. */
  async next({ name, pid }: Writer): Promise<Writer> {
    const [writer = ''] = name.split('-');
    await until(() => this.pids.get(writer) !== pid);
    return this.get(writer);
  }

  async stop(): Promise<void> {
    if (this.leader.connected) this.leader.send('stop');
    await this.exited;
  }

  /** For a test that failed: ends with them whatever they are doing. */
  kill(): void {
    if (this.leader.exitCode !== null) return;
    this.leader.kill('SIGKILL');
    for (const pid of this.pids.values()) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // it has ended by itself
      }
    }
  }
}

/** What MongoDB knows of writers. */
export class Flights {
  constructor(private readonly connection: Connection) {}

  private get counters() {
    return dbOf(this.connection).collection<Counter>('auditcounters');
  }

  private get events() {
    return dbOf(this.connection).collection('auditevents');
  }

  async idsBetween(after: number, to: number): Promise<number[]> {
    const rows = await this.events
      .find({ id: { $gt: after, $lte: to } })
      .project({ id: 1 })
      .toArray();
    return rows.map(({ id }) => id);
  }

  async stored(name: string): Promise<number> {
    return this.events.countDocuments({ name });
  }

  private async uuidOf(name: string): Promise<string> {
    const row = await this.events.findOne({ name });
    return row?.writer.toString('hex') ?? '';
  }

  /** The ids that a writer has taken, if nothing is stored under any of them. */
  private async emptyBlock(uuid: string): Promise<Block | null> {
    const counter = await this.counters.findOne({ _id: 'events' });
    const block = counter?.blocks.find(({ writer }) => writer.replaceAll('-', '') === uuid);
    if (block === undefined) return null;
    return (await this.idsBetween(block.first - 1, block.last)).length === 0 ? block : null;
  }

  /** Stops a process between the taking of its ids and their use, for so long that others store higher ones. */
  async stall({ name, pid }: Writer): Promise<Block> {
    const uuid = await this.uuidOf(name);
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      process.kill(pid, 'SIGSTOP');
      const block = await this.emptyBlock(uuid);
      if (block !== null) {
        await until(async () => (await this.idsBetween(block.last, Infinity)).length > 0);
        if ((await this.emptyBlock(uuid))?.first === block.first) return block;
      }
      process.kill(pid, 'SIGCONT');
      const before = await this.stored(name);
      await until(async () => (await this.stored(name)) > before);
    }
    throw new Error(`${name} was never seen with ids that are not used yet`);
  }

  /** Lets the time pass after which ids of a dead process are given up: MongoDB has its last word before that. */
  async bury({ name }: Writer): Promise<void> {
    const admin = this.connection.getClient().db('admin');
    const uuid = await this.uuidOf(name);
    await until(async () => {
      const stages = [
        { $currentOp: { allUsers: true, idleConnections: true } },
        { $match: { appName: name } },
      ];
      return (await admin.aggregate(stages).toArray()).length === 0;
    });
    const writer = uuid.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
    await this.counters.updateOne(
      { _id: 'events', 'blocks.writer': writer },
      { $set: { 'blocks.$.at': new Date(Date.now() - 200_000) } },
    );
  }
}
