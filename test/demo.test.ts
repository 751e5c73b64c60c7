import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { freshUri } from './support/app';

const ROOT = join(__dirname, '..');
const TOKEN = 'demo-test-token';
const LONGEST_STOP_MS = 10_000;

interface Demo {
  readonly url: string;
  readonly lines: readonly string[];
  readonly pid: number;
  get(
    path: string,
  ): Promise<{ status: number; body: Record<string, never> & { count?: number; results?: Event[] } & Event }>;
  call(
    method: string,
    path: string,
    json?: unknown,
  ): Promise<{ status: number; auditId: string; body: Item }>;
  /** Sends a signal to the whole process group, and gives the exit code. */
  stop(signal: NodeJS.Signals): Promise<{ code: number | null; stderr: string }>;
}
type Event = {
  uuid: string;
  name: string;
  outcome: string;
  timestamp: string;
  post_data: unknown;
  user: unknown;
  tenant: string;
};
type Item = { id: string; name: string; price: number; meta: unknown };

const running = new Set<ChildProcess>();

async function startDemo(env: Record<string, string>): Promise<Demo> {
  const child = spawn(process.execPath, ['dist/examples/server.js'], {
    cwd: ROOT,
    detached: true,
    env: { ...process.env, MONGODB_URI: '', PORT: '0', AUDIT_TOKEN: TOKEN, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  const exited = once(child, 'exit');
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    stderr += String(chunk);
  });
  const lines: string[] = [];
  let url = '';
  for await (const line of createInterface(child.stdout)) {
    lines.push(line);
    url = /^listening on (http:.*)$/.exec(line)?.[1] ?? '';
    if (url !== '') break;
  }
  if (url === '') throw new Error(`the demo ended: ${stderr}`);
  return {
    url,
    lines,
    pid: child.pid ?? 0,
    async get(path) {
      const response = await fetch(url + path, { headers: { authorization: `Token ${TOKEN}` } });
      return { status: response.status, body: (await response.json()) as never };
    },
    async call(method, path, json) {
      const headers = { 'content-type': 'application/json', 'x-user': 'ann', 'x-tenant': 'acme' };
      const body = json === undefined ? null : JSON.stringify(json);
      const response = await fetch(url + path, { method, headers, body });
      const auditId = response.headers.get('x-audit-id') ?? '';
      return { status: response.status, auditId, body: (await response.json()) as Item };
    },
    async stop(signal) {
      process.kill(-(child.pid ?? 0), signal);
      const [code] = (await exited) as [number | null];
      running.delete(child);
      return { code, stderr };
    },
  };
}

/** Asks until the trail has what was asked for: delivery goes on behind the response. */
async function eventually<T>(ask: () => Promise<T>, isThere: (answer: T) => boolean): Promise<T> {
  for (let tries = 0; ; tries++) {
    const answer = await ask();
    if (isThere(answer) || tries > 200) return answer;
  }
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

beforeAll(() => {
  execFileSync('npm', ['run', '--silent', 'build:examples'], { cwd: ROOT, stdio: 'pipe' });
}, 60_000);

afterAll(() => {
  for (const child of running) process.kill(-(child.pid ?? 0), 'SIGKILL');
});

describe('the demo', () => {
  it('answers who did what, when and with which data, and is stored whole when it is stopped', async () => {
    const uri = freshUri();
    const demo = await startDemo({ MONGODB_URI: uri, DEMO_TRAFFIC: '0' });
    expect(demo.lines.join('\n')).toContain(TOKEN);
    expect(demo.lines.filter((line) => line.trim().startsWith('curl'))).toHaveLength(3);

    const created = await demo.call('POST', '/items', {
      name: 'Lamp',
      price: 0,
      meta: { 'a.b': [1, null], $x: {} },
    });
    expect(created.status).toBe(201);
    expect(created.body).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{24}$/),
      name: 'Lamp',
      price: 0,
      meta: { 'a.b': [1, null], $x: {} },
    });
    const path = `/items/${created.body.id}`;
    expect((await demo.call('PATCH', path, { price: 9.5 })).body).toMatchObject({ name: 'Lamp', price: 9.5 });
    const replaced = await demo.call('PUT', path, { name: 'Desk lamp' });
    expect(replaced.body).toEqual({ id: created.body.id, name: 'Desk lamp' });
    expect((await demo.call('DELETE', path)).status).toBe(200);
    expect((await demo.call('GET', path)).status).toBe(404);
    expect((await demo.call('POST', '/items', { price: 1 })).status).toBe(400);
    expect((await demo.call('GET', '/boom')).status).toBe(500);

    const list = await eventually(
      () => demo.get(`/audit-events/?user=ann&sort=timestamp`),
      ({ body }) => body.count === 7,
    );
    expect(list.body.results?.map(({ name }) => name)).toEqual([
      'POST /items',
      'PATCH /items/:id',
      'PUT /items/:id',
      'DELETE /items/:id',
      'GET /items/:id',
      'POST /items',
      'GET /boom',
    ]);
    const [first, second] = z
      .tuple(
        [z.looseObject({ timestamp: z.string() }), z.looseObject({ timestamp: z.string() })],
        z.unknown(),
      )
      .parse(list.body.results);
    const before = await demo.get(`/audit-events/?user=ann&timestamp__lt=${second.timestamp}`);
    const after = await demo.get(`/audit-events/?user=ann&timestamp__gt=${first.timestamp}`);
    expect(before.body.count).toBeGreaterThanOrEqual(1);
    expect((before.body.count ?? 0) + (after.body.count ?? 0)).toBeGreaterThanOrEqual(7);
    const detail = await demo.get(`/audit-events/${created.auditId}/`);
    expect(detail.body).toMatchObject({
      uuid: created.auditId,
      tenant: 'acme',
      user: { id: 'ann', email: 'ann@example.org', name: 'Ann' },
    });

    const stream = await fetch(`${demo.url}/stream`, { headers: { 'x-user': 'eve' } });
    await stream.body?.getReader().read();
    expect(await demo.stop('SIGTERM')).toEqual({ code: 0, stderr: '' });

    const again = await startDemo({ MONGODB_URI: uri, DEMO_TRAFFIC: '0' });
    expect((await again.get('/audit-events/?user=eve')).body.results).toMatchObject([
      { name: 'GET /stream', outcome: 'aborted' },
    ]);
    await again.stop('SIGINT');
  });

  it(
    'shows traffic of its own on an embedded MongoDB, and leaves nothing behind when its group is interrupted',
    async () => {
      const demo = await startDemo({});
      const { body } = await demo.get('/audit-events/?limit=1000');
      expect(body.count).toBeGreaterThan(200);
      expect(JSON.stringify(body)).not.toMatch(/wrong-\d|demo-secret|open sesame/);
      const children = execFileSync('ps', ['-o', 'args=', '--ppid', String(demo.pid)], { encoding: 'utf8' });
      const port = Number(/--port (\d+)/.exec(children)?.[1]);
      expect(await isListening(port)).toBe(true);
      expect(await demo.stop('SIGINT')).toMatchObject({ code: 0 });
      expect(await isListening(port)).toBe(false);
    },
    LONGEST_STOP_MS * 3,
  );

  it('serves while MongoDB is down', async () => {
    const demo = await startDemo({
      MONGODB_URI: 'mongodb://127.0.0.1:9/none?serverSelectionTimeoutMS=500',
      DEMO_TRAFFIC: '0',
    });
    expect((await demo.call('GET', '/ping')).status).toBe(200);
    expect((await demo.get('/audit-events/')).status).toBe(503);
    expect((await demo.call('GET', '/items')).status).toBe(503);
    expect((await demo.stop('SIGTERM')).code).toBe(0);
  });
});
