// Packs the package, then judges the tarball and uses it as its users do: installed into small projects
// outside of the repository, each run for real against a real MongoDB. Its last line is `N passed, N failed`.
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import mongod from '../../dist/examples/mongod.js';
import { run } from './command.mjs';
import { checkProject } from './project.mjs';
import { checkContents, checkPackageJson, checkTypes } from './tarball.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PROJECTS = fileURLToPath(new URL('projects', import.meta.url));
/** The oldest and the newest of what the peer ranges take. */
const PROJECT_NAMES = ['esm', 'cjs', 'ts-esm', 'ts-cjs'];

let passed = 0;
let failed = 0;

/** One line a check; what it gives is a remark, what it throws is why it failed. */
async function check(name, attempt) {
  try {
    const remark = await attempt();
    passed += 1;
    console.log(`ok      ${name}: ${remark}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED  ${name}: ${error instanceof Error ? error.message : error}`);
  }
}

async function pack(directory) {
  await run('npm', ['pack', '--pack-destination', directory], { cwd: ROOT });
  const tarballs = await readdir(directory);
  if (tarballs.length !== 1) throw new Error(`npm pack left ${tarballs.length} files`);
  return join(directory, tarballs[0]);
}

async function main(directory) {
  const tarball = await pack(await mkdtemp(join(directory, 'tarball-')));
  await check('contents', () => checkContents(tarball));
  await check('publint', () => checkPackageJson(tarball));
  await check('attw', () => checkTypes(tarball, ROOT));
  const mongo = await mongod.mongoFor();
  try {
    const checks = PROJECT_NAMES.map((name) =>
      check(name, () =>
        checkProject({ name, source: join(PROJECTS, name), directory, tarball, mongoUri: mongo.uri }),
      ),
    );
    await Promise.all(checks);
  } finally {
    await mongo.stop();
  }
}

const directory = await mkdtemp(join(tmpdir(), 'express-audit-events-pack-'));
try {
  await main(directory);
} catch (error) {
  failed += 1;
  console.log(`FAILED  ${error instanceof Error ? error.message : error}`);
} finally {
  await rm(directory, { recursive: true, force: true, maxRetries: 5 });
}
if (failed > 0 || passed === 0) process.exitCode = 1;
console.log(`${passed} passed, ${failed} failed`);
