import mongoose9 from 'mongoose';
import { startMongod } from '../../examples/mongod';
import { createChangesPlugin } from '../../lib/changes/plugin';
import { AuditError, type Reporter } from '../../lib/errors';
import type { ChangeRecorder, ObservedChange } from '../../lib/observed-change';

export type Mongoose = typeof mongoose9;
export type Connection = ReturnType<Mongoose['createConnection']>;
export type ClientSession = Awaited<ReturnType<Connection['startSession']>>;
export type Raw = Record<string, unknown>;

/** Both majors, typed as mongoose 9: what the tests use is the same in both. */
export const MONGOOSES: readonly (readonly [string, Mongoose])[] = [
  ['mongoose 8', require('mongoose8') as Mongoose],
  ['mongoose 9', mongoose9],
];

export type More = Parameters<ChangeRecorder['recordMore']>[0];

/** A recorder into arrays, and what was reported. */
export class Collected implements ChangeRecorder {
  readonly changes: ObservedChange[] = [];
  readonly mores: More[] = [];
  readonly errors: AuditError[] = [];
  /** Runs at every change. */
  onRecord: (change: ObservedChange) => void = () => {};

  record(change: ObservedChange): void {
    this.changes.push(change);
    this.onRecord(change);
  }

  recordMore(more: More): void {
    this.mores.push(more);
  }

  readonly reporter: Reporter = {
    error: (error) => void this.errors.push(error as AuditError),
    once: (code, message) => void this.errors.push(new AuditError(code, message)),
    dropped: () => {},
  };

  readonly plugin = createChangesPlugin(this, this.reporter);

  clear(): void {
    for (const list of [this.changes, this.mores, this.errors]) list.length = 0;
  }
}

export interface ReplicaSet {
  connect(mongoose: Mongoose): Promise<Connection>;
  stop(): Promise<void>;
}

/** A replica set of one node: transactions need one. */
export async function startReplicaSet(): Promise<ReplicaSet> {
  const mongod = await startMongod({
    replicaSet: true,
    args: ['--setParameter', 'enableTestCommands=1'],
    log: () => {},
  });
  const connections: Connection[] = [];
  let count = 0;
  return {
    async connect(mongoose) {
      count += 1;
      const own = new mongoose.Mongoose();
      const connection = own.createConnection(mongod.uri, {
        dbName: `changes_${count}`,
        monitorCommands: true,
        retryWrites: true,
      });
      connections.push(connection);
      return connection.asPromise();
    },
    async stop() {
      await Promise.all(connections.map((connection) => connection.close()));
      await mongod.stop();
    },
  };
}

/** All documents of a collection by their id, read beside mongoose. */
export async function rawDocuments(connection: Connection, name: string): Promise<Map<string, Raw>> {
  const documents = (await connection.db?.collection(name).find({}).toArray()) ?? [];
  return new Map(documents.map((document) => [String(document._id), document]));
}

export interface Expected {
  readonly action: string;
  readonly id: string;
  readonly before: Raw | null;
  readonly after: Raw | null;
}

/** What happened between two looks at a collection. */
export function changesBetween(before: Map<string, Raw>, after: Map<string, Raw>): Expected[] {
  const expected: Expected[] = [];
  for (const [id, raw] of after) {
    const old = before.get(id) ?? null;
    if (old === null) expected.push({ action: 'create', id, before: null, after: raw });
    else if (JSON.stringify(old) !== JSON.stringify(raw))
      expected.push({ action: 'update', id, before: old, after: raw });
  }
  for (const [id, raw] of before)
    if (!after.has(id)) expected.push({ action: 'delete', id, before: raw, after: null });
  return sorted(expected);
}

export function observed(collected: Collected): Expected[] {
  return sorted(
    collected.changes.map(({ action, object, before, after }) => ({
      action,
      id: object.id,
      before: before as Raw | null,
      after: after as Raw | null,
    })),
  );
}

const sorted = (list: Expected[]): Expected[] => list.sort((a, b) => a.id.localeCompare(b.id));
