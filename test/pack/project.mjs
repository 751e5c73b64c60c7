import { spawn } from 'node:child_process';
import { createHmac, randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { copyFile, cp, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { isDeepStrictEqual } from 'node:util';
import { cleanEnvironment, run } from './command.mjs';

const PACKAGE = 'express-audit-events';
const TOKEN = 'not-a-real-token';
const JWT_SECRET = randomBytes(32).toString('hex');
const START_MS = 60_000;
const READABLE_MS = 10_000;
const STOP_MS = 20_000;

/** Run in the project: whoever imports and whoever requires get the very same exports. */
const ONE_COPY = `
  import assert from 'node:assert/strict';
  import { createRequire } from 'node:module';
  import * as imported from '${PACKAGE}';
  const required = createRequire(process.cwd() + '/')('${PACKAGE}');
  assert.ok(Object.keys(required).includes('AuditError'), 'exports AuditError');
  for (const name of Object.keys(required)) assert.equal(imported[name], required[name], name);
  assert.throws(() => imported.createAudit({}), (error) => error instanceof required.AuditOptionError);`;

async function versionOf(name, directory) {
  const manifest = await readFile(join(directory, 'node_modules', name, 'package.json'), 'utf8');
  return JSON.parse(manifest).version;
}

async function install({ name, source, directory, tarball }) {
  const project = join(directory, name);
  await cp(source, project, { recursive: true });
  const quiet = ['--no-audit', '--no-fund', '--no-package-lock', '--prefer-offline', '--loglevel', 'error'];
  // A peer range that leaves out what the project has would be an error.
  await run('npm', ['install', tarball, '--strict-peer-deps', ...quiet], { cwd: project });
  const own = join(project, 'node_modules', PACKAGE, 'node_modules');
  for (const peer of ['express', 'mongoose']) {
    if (existsSync(join(own, peer))) throw new Error(`${PACKAGE} brought an ${peer} of its own`);
  }
  return project;
}

async function compile(source, project) {
  if (!existsSync(join(project, 'tsconfig.json'))) return;
  await copyFile(join(source, '..', 'misuse.ts'), join(project, 'misuse.ts'));
  await run('npm', ['run', '--silent', 'build'], { cwd: project });
}

/** Starts the project's app and gives its URL, and a way to stop it as a deployment would. */
async function start(project, mongoUri) {
  const uri = new URL(mongoUri);
  uri.pathname = `/pack_${randomUUID().replaceAll('-', '')}`;
  const own = { MONGODB_URI: uri.toString(), AUDIT_SPOOL_DIR: join(project, 'spool'), AUDIT_TOKEN: TOKEN };
  const env = { ...cleanEnvironment(), ...own, JWT_SECRET };
  const manifest = JSON.parse(await readFile(join(project, 'package.json'), 'utf8'));
  const [, main] = manifest.scripts.start.split(' ');
  const app = spawn(process.execPath, [main], { cwd: project, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = once(app, 'exit');
  let output = '';
  for (const stream of [app.stdout, app.stderr]) stream.on('data', (text) => (output += text));
  const giveUp = setTimeout(() => app.kill('SIGKILL'), START_MS);
  let url;
  for await (const line of createInterface(app.stdout)) {
    url = /^listening on (\S+)$/.exec(line)?.[1];
    if (url !== undefined) break;
  }
  clearTimeout(giveUp);
  app.stdout.resume(); // what readline paused
  if (url === undefined) throw new Error(`the app did not start\n${output}`);
  return {
    url,
    kill: () => app.kill('SIGKILL'),
    async stop() {
      const late = setTimeout(() => app.kill('SIGKILL'), STOP_MS);
      app.kill('SIGTERM');
      const [code] = await exited;
      clearTimeout(late);
      if (code !== 0 || output.split('\n').length > 2)
        throw new Error(`the app ended with ${code}\n${output}`);
    },
  };
}

async function readEvent(url, id) {
  const deadline = Date.now() + READABLE_MS;
  for (;;) {
    const response = await fetch(`${url}/audit-events/${id}/`, {
      headers: { authorization: `Token ${TOKEN}` },
    });
    const event = await response.json();
    if (response.status === 200) return event;
    if (Date.now() > deadline) throw new Error(`the event cannot be read: ${JSON.stringify(event)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** A JSON Web Token of a reader of all tenants, signed without the library that verifies it. */
function signJwt(secret) {
  const claims = { sub: 'reader', tenants: '*', exp: Math.floor(Date.now() / 1000) + 60 };
  const parts = [{ alg: 'HS256' }, claims].map((part) =>
    Buffer.from(JSON.stringify(part)).toString('base64url'),
  );
  const text = parts.join('.');
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
}

async function readByJwt(url, id) {
  const attempts = [JWT_SECRET, 'another'].map(async (secret) => {
    const headers = { authorization: `Token ${signJwt(secret)}` };
    return (await fetch(`${url}/by-jwt/${id}/`, { headers })).status;
  });
  const statuses = await Promise.all(attempts);
  if (!isDeepStrictEqual(statuses, [200, 401]))
    throw new Error(`a good and a wrong JSON Web Token are answered with ${statuses.join(' and ')}`);
}

async function lookIntoSpool(url) {
  const processes = await (await fetch(`${url}/spool`)).json();
  if (!isDeepStrictEqual(processes, [true]))
    throw new Error(`in its spool, one process that lives is expected, not ${JSON.stringify(processes)}`);
}

async function exchange(url) {
  const closed = await fetch(`${url}/audit-events/`);
  if (closed.status !== 401) throw new Error(`without a token the trail answers ${closed.status}`);
  const sent = { name: 'tea', price: 0 };
  const headers = { 'content-type': 'application/json' };
  const request = { method: 'PUT', headers, body: JSON.stringify(sent) };
  const response = await fetch(`${url}/orders/42?dry=1`, request);
  const id = response.headers.get('x-audit-id');
  const event = await readEvent(url, id);
  await readByJwt(url, id);
  const expected = {
    uuid: id,
    name: 'OrderChanged',
    action: 'update',
    url: `${url}/orders/42?dry=1`,
    query_params: { dry: '1' },
    post_data: sent,
    object_type: 'orders',
    object_id: 42,
    content: { by: id },
    status_code: 200,
    outcome: 'completed',
    remote_addr: '127.0.0.1',
  };
  for (const [field, value] of Object.entries(expected)) {
    if (!isDeepStrictEqual(event[field], value))
      throw new Error(
        `${field} of the event is ${JSON.stringify(event[field])}, not ${JSON.stringify(value)}`,
      );
  }
}

/** Installs, compiles and runs one project, sends it a request and reads the event back through its API. */
export async function checkProject({ name, source, directory, tarball, mongoUri }) {
  const project = await install({ name, source, directory, tarball });
  await compile(source, project);
  await run(process.execPath, ['--input-type=module', '-e', ONE_COPY], { cwd: project });
  const app = await start(project, mongoUri);
  try {
    await exchange(app.url);
    await lookIntoSpool(app.url);
    await app.stop();
    const left = await readdir(join(project, 'spool'));
    if (left.length > 0) throw new Error(`its spool is not empty: ${left.join(', ')}`);
  } finally {
    app.kill();
  }
  const versions = ['express', 'mongoose'].map(async (peer) => `${peer} ${await versionOf(peer, project)}`);
  return (await Promise.all(versions)).join(', ');
}
