import { createHash, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from '../pack/command.mjs';

const REQUIREMENTS = fileURLToPath(new URL('requirements.txt', import.meta.url));
const PYTHONS = ['python3', 'python3.14', 'python3.13', 'python3.12', 'python3.11'];
const IS_NEW_ENOUGH = 'import sys; assert sys.version_info >= (3, 11); print("%d.%d" % sys.version_info[:2])';
const PIP = ['--quiet', '--disable-pip-version-check', '--no-input', '--root-user-action', 'ignore'];

/** Gives what the first name gives that does not fail. */
async function first(names, attempt) {
  const reasons = [];
  for (const name of names) {
    try {
      return await attempt(name);
    } catch (error) {
      reasons.push(`${name}: ${error.message.trim().split('\n').at(-1)}`);
    }
  }
  throw new Error(reasons.join('\n'));
}

/** pip where there is one; else the one that Python carries, in an environment that is thrown away. */
async function install(python, target) {
  const wheels = ['--require-hashes', '--only-binary', ':all:', '--requirement', REQUIREMENTS];
  const args = ['-m', 'pip', 'install', ...PIP, ...wheels, '--target', target];
  const environment = `${target}-venv`;
  await first(['pip', 'venv'], async (by) => {
    if (by === 'pip') return run(python, args, {});
    await run(python, ['-m', 'venv', environment], {});
    return run(join(environment, 'bin', 'python'), args, {});
  }).finally(() => rm(environment, { recursive: true, force: true }));
}

/**
 * schemathesis and the validator, in a directory of their own in the user's cache: installed once for each set of
 * requirements and each Python, and out of the way of whatever else that Python has.
 */
export async function findTools() {
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'express-audit-events');
  const [python, version] = await first(PYTHONS, async (name) => [
    name,
    (await run(name, ['-c', IS_NEW_ENOUGH], {})).trim(),
  ]).catch((error) => {
    throw new Error(`Python 3.11 or later is needed, with pip or venv. What was tried:\n${error.message}`);
  });
  const digest = createHash('sha256')
    .update(await readFile(REQUIREMENTS))
    .digest('hex')
    .slice(0, 12);
  const directory = join(cache, `contract-${version}-${digest}`);
  if (!existsSync(directory)) {
    console.log('Installing schemathesis');
    await mkdir(cache, { recursive: true });
    const fresh = `${directory}.${randomUUID()}`;
    try {
      await install(python, fresh);
      // only what is whole gets there, at once: others may look for it meanwhile
      await rename(fresh, directory).catch((error) => {
        if (!existsSync(directory)) throw error;
      });
    } finally {
      await rm(fresh, { recursive: true, force: true });
    }
  }
  const env = { ...process.env, PYTHONPATH: directory, PYTHONDONTWRITEBYTECODE: '1', NO_COLOR: '1' };
  // -S: nothing of the machine's own packages is mixed in
  return (args, cwd) => run(python, ['-S', ...args], { cwd, env });
}
