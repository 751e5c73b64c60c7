import { execFile, execFileSync } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { isStrict } from './ledger';
import { atExit } from './leftovers';
import type { Load } from './load';
import type { Scenario } from './scenario';
import type { Stage } from './stage';

const run = promisify(execFile);
const RATE = 400;
const ON_DISK = ['spool', 'strict-disk'] as const;
const TINY_KIB = 512;
/** In the middle of a record, as it were. */
const LIMIT_BYTES = 4_321;

/** A disk of its own for the spool, where mounting is allowed. */
async function mountTiny(stage: Stage): Promise<boolean> {
  const disk = join(stage.directory, 'disk');
  await mkdir(disk);
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${TINY_KIB}k`, 'tmpfs', disk]);
  } catch {
    return false;
  }
  const forget = atExit(() => execFileSync('umount', [disk]));
  stage.defer(async () => {
    await run('umount', [disk]);
    forget();
  });
  stage.spool = join(disk, 'spool');
  await mkdir(stage.spool, { mode: 0o700 });
  return true;
}

/** No file of the process may grow beyond this; without a size, any may. */
async function limitFiles(stage: Stage, bytes: number | 'unlimited'): Promise<void> {
  await run('prlimit', ['--pid', String(stage.app.pid), `--fsize=${bytes}:`]);
}

/** What the level promises while the disk fails: `spool` serves, `strict` refuses and says when to come again. */
async function expectPromise(stage: Stage, load: Load): Promise<void> {
  await stage.answers(load, stage.scaled(1_500, 300));
  const { stats, faults } = await stage.app.state();
  const refused = stage.ledger.count(({ isRejected }) => isRejected);
  const failed = stage.ledger.count(({ status, isRejected }) => (status ?? 0) >= 500 && !isRejected);
  stage.expect(stats.state !== 'healthy', `the app says that it is not healthy: ${stats.state}`);
  stage.expect(failed === 0, `${failed} requests were answered by an error of another kind`);
  if (isStrict(stage.level)) stage.expect(refused > 0, 'requests are refused while the disk fails');
  else stage.expect(refused === 0, `requests are served while the disk fails: ${refused} were refused`);
  stage.notes.push(`state ${stats.state}${faults > 0 ? `, ${faults} calls failed` : ''}`);
}

/** The disk is full while MongoDB is down: nothing leaves it, until MongoDB is back. */
const full: Scenario = {
  name: 'disk full',
  levels: ON_DISK,
  async run(stage) {
    const isMounted = await mountTiny(stage);
    const database = await stage.useDatabase();
    stage.settings = { spool: { minFreeBytes: 0 } };
    await stage.startApp();
    const load = stage.load({ rate: RATE });
    await stage.answers(load, 100);
    await database.stop();
    if (!isMounted) await limitFiles(stage, LIMIT_BYTES);
    await stage.answers(load, stage.scaled(600, 600));
    await expectPromise(stage, load);
    await database.restart();
    if (!isMounted) await limitFiles(stage, 'unlimited');
    await stage.answers(load, 200);
    stage.notes.push(isMounted ? `a tmpfs of ${TINY_KIB} KiB` : 'by a limit on file sizes');
  },
};

const sizeLimit: Scenario = {
  name: 'file size limit',
  levels: ON_DISK,
  async run(stage) {
    stage.useSharedDatabase();
    await stage.startApp();
    const load = stage.load({ rate: RATE });
    await stage.answers(load, 100);
    await limitFiles(stage, LIMIT_BYTES);
    await stage.answers(load, 200);
    await expectPromise(stage, load);
    await limitFiles(stage, 'unlimited');
    await stage.answers(load, 200);
  },
};

const removed: Scenario = {
  name: 'directory removed',
  levels: ON_DISK,
  async run(stage) {
    stage.useSharedDatabase();
    await stage.startApp();
    const load = stage.load({ rate: RATE });
    await stage.answers(load, 200);
    await rm(stage.spool, { recursive: true, force: true });
    await stage.answers(load, stage.scaled(1_500, 300));
    await mkdir(stage.spool, { recursive: true, mode: 0o700 });
    await stage.answers(load, 200);
  },
};

/** Calls that fail together, by what they are for. */
function failing(name: string, calls: string, code: string): Scenario {
  return {
    name,
    levels: ON_DISK,
    async run(stage) {
      stage.useSharedDatabase();
      const app = await stage.startApp();
      const load = stage.load({ rate: RATE });
      await stage.answers(load, 200);
      await app.failDisk(calls, code);
      await stage.answers(load, 200);
      await expectPromise(stage, load);
      await app.failDisk();
      await stage.answers(load, 200);
    },
  };
}

/** Limits and descriptors are looked up in ways that other systems have not. */
const ON_LINUX: readonly Scenario[] = [
  full,
  sizeLimit,
  failing('EIO on write', 'writeSync,writevSync,write,writev', 'EIO'),
  failing('EIO on sync', 'fdatasyncSync,fsyncSync,fdatasync,fsync', 'EIO'),
];

export const DISKS: readonly Scenario[] = [removed, ...(process.platform === 'linux' ? ON_LINUX : [])];
