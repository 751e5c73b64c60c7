/** A MongoDB wherever this is run. For the demo, the tests and the benchmarks; never for the library. */
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { Socket } from 'node:net';
import os from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MongoMemoryServer } from 'mongodb-memory-server-core';
import { mongo } from 'mongoose';
import { findMongod, type Options } from './find-mongod';

type Place = { port?: number; dbPath?: string };
export type StartOptions = Options & Place & { replicaSet?: boolean; args?: string[] };
export type Mongod = { uri: string; port: number; dbPath: string; pid: number; stop(): Promise<void> };

const REPLICA_SET = 'rs0';

/**
 * A mongod in a process group of its own: what is sent to the caller's group, like Ctrl-C, does not reach it.
 * It ends with stop(), or soon after the caller ended in whatever way. A directory of its own goes with it.
 */
export async function startMongod(options: StartOptions = {}): Promise<Mongod> {
  const systemBinary = await findMongod(options);
  process.env.MONGOMS_SYSTEM_BINARY_VERSION_CHECK = 'false';
  const dbPath = options.dbPath ?? (await mkdtemp(join(os.tmpdir(), 'mongod-')));
  await mkdir(dbPath, { recursive: true });
  const place = { dbPath, ...(options.port !== undefined && { port: options.port, portGeneration: false }) };
  const replica = options.replicaSet ? { replSet: REPLICA_SET } : {};
  const settings = { ip: '127.0.0.1', storageEngine: 'wiredTiger', launchTimeout: 60_000 } as const;
  // A mongod that is killed would leave its socket in /tmp.
  const socketless = process.platform === 'win32' ? [] : ['--nounixsocket'];
  const instance = { ...settings, ...place, ...replica, args: [...socketless, ...(options.args ?? [])] };
  const server = new MongoMemoryServer({ binary: { systemBinary }, instance, spawn: { detached: true } });
  // at once: whoever is interrupted while mongod starts leaves its data behind, too
  const remover = options.dbPath === undefined ? removeAfterCaller(dbPath) : null;
  const shutDown = async () => {
    await server.stop({ doCleanup: false });
    remover?.cancel();
    if (options.dbPath === undefined) await rm(dbPath, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    await server.start();
    const { port } = server.instanceInfo ?? {};
    const mongod = server.instanceInfo?.instance.mongodProcess;
    const pid = mongod?.pid;
    if (port === undefined || pid === undefined) throw new Error('mongod ended as soon as it had started');
    remover?.end(pid);
    mongod?.once('exit', () => remover?.cancel());
    if (options.replicaSet) await initiateReplicaSet(port);
    const uri = `mongodb://127.0.0.1:${port}/${options.replicaSet ? `?replicaSet=${REPLICA_SET}` : ''}`;
    let stopped: Promise<void> | undefined;
    const stop = () => {
      stopped ??= shutDown();
      return stopped;
    };
    return { uri, port, dbPath, pid, stop };
  } catch (error) {
    await shutDown();
    throw error;
  }
}

interface Remover {
  /** Names the mongod that is to end before its data goes. */
  end(pid: number): void;
  /** The caller sees to it itself. */
  cancel(): void;
}

/** mongodb-memory-server ends a mongod whose caller is gone, but leaves its data: some 300 MB. */
function removeAfterCaller(dbPath: string): Remover {
  const script = `let pid = '';
  const remove = () => require('node:fs').rmSync(process.argv[1], { recursive: true, force: true, maxRetries: 10 });
  process.stdin.on('data', (data) => { pid += data; }).on('end', () => {
    try { if (pid !== '') process.kill(Number(pid), 'SIGKILL'); } catch {}
    remove();
    // one that was only starting is ended by others, and writes until then
    if (pid === '') setTimeout(remove, 4000);
  })`;
  const remover = spawn(process.execPath, ['-e', script, dbPath], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  remover.unref();
  const { stdin } = remover;
  if (stdin instanceof Socket) stdin.unref();
  return { end: (pid) => void stdin?.write(String(pid)), cancel: () => void remover.kill('SIGKILL') };
}

/** Not by MongoMemoryReplSet: that one takes another port when the given one was in use a moment ago. */
async function initiateReplicaSet(port: number): Promise<void> {
  // The driver would load node:os by import(), which Jest does not let it do.
  const driver = { directConnection: true, runtimeAdapters: { os } };
  const client = await mongo.MongoClient.connect(`mongodb://127.0.0.1:${port}/`, driver);
  try {
    const admin = client.db('admin');
    const config = { _id: REPLICA_SET, members: [{ _id: 0, host: `127.0.0.1:${port}` }] };
    await admin.command({ replSetInitiate: config }).catch((error) => {
      if (error.codeName !== 'AlreadyInitialized') throw error;
    });
    const deadline = Date.now() + 30_000;
    while (!(await admin.command({ hello: 1 })).isWritablePrimary) {
      if (Date.now() > deadline) throw new Error('the replica set has no primary after 30 s');
      await sleep(50);
    }
  } finally {
    await client.close();
  }
}

/** `MONGODB_URI` where it is set, else a mongod of its own. */
export async function mongoFor(options: Options = {}): Promise<Pick<Mongod, 'uri' | 'stop'>> {
  const uri = process.env.MONGODB_URI;
  return uri ? { uri, stop: async () => {} } : startMongod(options);
}
