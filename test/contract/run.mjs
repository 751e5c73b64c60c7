// Holds every API of the running demo against the document that it serves: each document is judged by OpenAPI 3.1's
// own rules, then schemathesis makes requests from it, right ones and wrong ones, and judges the answers by all its
// checks. CONTRACT_SEED repeats a run. The last line is `N passed, N failed`.
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import trail from '../../dist/examples/trail.js';
import { ask, checkPhase, checkReach, lint } from './check-api.mjs';
import { startDemo } from './demo.mjs';
import { findTools } from './tools.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SEED = Number(process.env.CONTRACT_SEED || 20260131);
const PHASES = ['examples', 'coverage', 'fuzzing', 'stateful'];
/** Each API at the path of its reference. */
const APIS = [
  { dialect: 'audit-events', path: '/audit-events', scheme: 'Token' },
  { dialect: 'history', path: '/history', scheme: 'Bearer' },
  { dialect: 'audit', path: '/api/v2/audit', scheme: 'Bearer' },
  { dialect: 'organization-audit', path: '/v1/organizations/acme/audit', scheme: 'Bearer' },
  { dialect: 'audit-logs', path: '/v2/audit-logs', scheme: 'Bearer' },
];

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

async function checkApi(python, api, directory) {
  const { dialect } = api;
  await check(`${dialect} document`, () => lint(python, api, directory));
  let report;
  await check(`${dialect} reach`, async () => {
    report = await ask(python, api, directory);
    return checkReach(report);
  });
  if (report === undefined) return;
  if (report.exit_code !== 0) console.log(report.output);
  for (const phase of PHASES) await check(`${dialect} ${phase}`, () => checkPhase(report, phase));
}

async function main(directory) {
  const python = await findTools();
  const mounted = trail.TRAIL_MOUNTS.map(([, dialect]) => dialect);
  await check('every API of the demo is asked', () => {
    const others = mounted.filter((name) => !APIS.some(({ dialect }) => dialect === name));
    if (others.length > 0) throw new Error(`not in the table: ${others.join(', ')}`);
    const missing = APIS.filter(({ dialect }) => !mounted.includes(dialect));
    if (missing.length > 0)
      throw new Error(`not mounted: ${missing.map(({ dialect }) => dialect).join(', ')}`);
    return mounted.join(', ');
  });
  const token = randomBytes(24).toString('base64url');
  const demo = await startDemo(ROOT, token);
  try {
    console.log(`CONTRACT_SEED=${SEED}`);
    for (const api of APIS) await checkApi(python, { ...api, url: demo.url, token, seed: SEED }, directory);
  } finally {
    await check('the demo ends as it should', () => demo.stop().then(() => 'by SIGTERM'));
  }
}

const directory = await mkdtemp(join(tmpdir(), 'express-audit-events-contract-'));
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
