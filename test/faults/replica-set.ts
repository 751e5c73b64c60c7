import mongoose from 'mongoose';
import { Database } from './database';
import { until } from './until';

const NAME = 'faults';
const MEMBERS = 3;
/** Short, so that a failover takes seconds. */
const SETTINGS = { electionTimeoutMillis: 1_500, heartbeatIntervalMillis: 500 };

interface Hello {
  readonly isWritablePrimary: boolean;
  readonly secondary: boolean;
}

/** What a member says of itself; null when it cannot be asked. */
async function ask<T>(member: Database, command: Readonly<Record<string, unknown>>): Promise<T | null> {
  const connection = mongoose.createConnection(`${member.uri}?directConnection=true`, {
    serverSelectionTimeoutMS: 1_000,
  });
  try {
    await connection.asPromise();
    return (await connection.getClient().db('admin').command(command)) as T;
  } catch {
    return null;
  } finally {
    await connection.close(true);
  }
}

/** Three members, any of which may be killed and comes back. */
export class ReplicaSet {
  private constructor(private readonly members: readonly Database[]) {}

  static async start(): Promise<ReplicaSet> {
    const args = ['--replSet', NAME, '--oplogSize', '64'];
    const started = await Promise.allSettled(Array.from({ length: MEMBERS }, () => Database.start(args)));
    const members = started.flatMap((result) => (result.status === 'fulfilled' ? result.value : []));
    const set = new ReplicaSet(members);
    try {
      const [first] = members;
      if (first === undefined || members.length < MEMBERS) throw new Error('Not every member started');
      const hosts = members.map(({ port }, _id) => ({ _id, host: `127.0.0.1:${port}` }));
      await ask(first, { replSetInitiate: { _id: NAME, members: hosts, settings: SETTINGS } });
      await set.isWhole();
    } catch (error) {
      await set.dispose();
      throw error;
    }
    return set;
  }

  get uri(): string {
    return `mongodb://${this.members.map(({ port }) => `127.0.0.1:${port}`).join(',')}/?replicaSet=${NAME}`;
  }

  private async primary(): Promise<Database | null> {
    for (const member of this.members)
      if ((await ask<Hello>(member, { hello: 1 }))?.isWritablePrimary) return member;
    return null;
  }

  /** Waits until there is a primary, and everybody else follows it. */
  async isWhole(): Promise<void> {
    await until('the replica set is whole', async () => {
      const all = await Promise.all(this.members.map((member) => ask<Hello>(member, { hello: 1 })));
      const primaries = all.filter((hello) => hello?.isWritablePrimary).length;
      return primaries === 1 && all.filter((hello) => hello?.secondary).length === MEMBERS - 1;
    });
  }

  /** Kills the primary; resolves once another one is elected, to the one that is dead. */
  async killPrimary(): Promise<Database> {
    const primary = await this.primary();
    if (primary === null) throw new Error('There is no primary to kill');
    await primary.kill();
    await until('another primary', async () => (await this.primary()) !== null);
    return primary;
  }

  async dispose(): Promise<void> {
    await Promise.all(this.members.map((member) => member.dispose()));
  }
}
