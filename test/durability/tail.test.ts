import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Connection } from 'mongoose';
import { closeAudits, look, startAudit, until } from '../delivery/harness';
import { expectWholeTrail } from '../delivery/trail';
import { freshUri } from '../support/app';
import { Flights, type Writer, Writers } from './writers';

let directory: string;
let uri: string;
let writers: Writers;
let connection: Connection;
let flights: Flights;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tail-'));
  uri = freshUri();
  connection = await look(uri);
  flights = new Flights(connection);
  writers = await Writers.start({ WRITERS: '4', MONGODB_URI: uri, SPOOL: directory });
}, 60_000);
afterEach(async () => {
  writers.kill();
  await closeAudits();
  await connection.close();
  await rm(directory, { recursive: true, force: true });
});

type Read = (after: number) => Promise<readonly number[]>;

/** Reads on from the highest id it saw. */
class Tail {
  readonly seen = new Set<number>();
  highest = 0;
  private isOver = false;
  private readonly reading: Promise<void>;

  constructor(private readonly read: Read) {
    this.reading = this.follow();
  }

  private async follow(): Promise<void> {
    for (let isLast = false; !isLast; ) {
      isLast = this.isOver;
      for (const id of await this.read(this.highest)) {
        this.seen.add(id);
        this.highest = Math.max(this.highest, id);
      }
    }
  }

  /** @returns all that it saw, in order */
  async end(): Promise<number[]> {
    this.isOver = true;
    await this.reading;
    return [...this.seen].sort((a, b) => a - b);
  }
}

const hasStored = (name: string): Promise<void> => until(async () => (await flights.stored(name)) > 20);

/** As the machine would do it, and later starts it again. */
async function kill(writer: Writer): Promise<void> {
  process.kill(writer.pid, 'SIGKILL');
  await flights.bury(writer);
  await hasStored((await writers.next(writer)).name);
}

describe('a tail of what four processes write, of which some stall and some are killed', () => {
  it('skips nothing below the safe point, and nothing that was acknowledged is lost or doubled', async () => {
    for (let i = 0; i < 4; i++) await hasStored(writers.get(`w${i}`).name);
    const { reader, ready } = startAudit({ mongo: uri }).audit;
    await ready();
    const careful = new Tail(async (after) => flights.idsBetween(after, await reader.safePoint()));
    const naive = new Tail((after) => flights.idsBetween(after, Infinity));

    const stalled = writers.get('w0');
    const { first, last } = await flights.stall(stalled);
    await until(() => naive.highest > last && careful.highest === first - 1);
    process.kill(stalled.pid, 'SIGCONT');
    await until(() => careful.highest > last);

    const frozen = writers.get('w3');
    process.kill(frozen.pid, 'SIGSTOP');
    const interrupted = writers.get('w1');
    await flights.stall(interrupted);
    await kill(interrupted);
    await kill(writers.get('w2'));
    process.kill(frozen.pid, 'SIGCONT');

    const { length } = writers.acknowledged;
    await until(() => writers.acknowledged.length > length + 200);
    await writers.stop();
    const { rows, events, gaps } = await expectWholeTrail(uri);
    const stored = events.map(({ _id }) => _id.toString());
    const ids = rows.map(({ id }) => id).sort((a, b) => a - b);
    expect(await reader.safePoint()).toBe(ids.at(-1));
    expect(await careful.end()).toEqual(ids);
    expect((await naive.end()).length).toBeLessThan(ids.length);

    expect(gaps).toEqual([]);
    expect(new Set(stored).size).toBe(stored.length);
    const isStored = new Set(stored);
    expect(writers.acknowledged.filter((uuid) => !isStored.has(uuid))).toEqual([]);
    expect(new Set(rows.map(({ writer }) => writer.toString('hex'))).size).toBe(6);
    expect(await readdir(directory)).toEqual([]);
  }, 60_000);
});
