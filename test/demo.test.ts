import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { type Gateway, startGateway } from './delivery/gateway';
import { freshUri } from './support/app';
import { buildDemo, type Demo, killDemos, ROOT, startDemo, TOKEN } from './support/demo';

const LONGEST_STOP_MS = 10_000;
/** Of a machine that does much else: tries counted in number pass within a second on a fast one. */
const LONGEST_DELIVERY_MS = 20_000;
/** Each API, by the path and the scheme of its reference. */
const MOUNTS = [
  ['/audit-events/', 'Token'],
  ['/history/', 'Bearer'],
  ['/api/v2/audit', 'Bearer'],
  ['/v1/organizations/acme/audit/', 'Bearer'],
  ['/v2/audit-logs', 'Bearer'],
] as const;

/** Asks until the trail has what was asked for: delivery goes on behind the response. */
async function eventually<T>(ask: () => Promise<T>, isThere: (answer: T) => boolean): Promise<T> {
  const deadline = Date.now() + LONGEST_DELIVERY_MS;
  for (;;) {
    const answer = await ask();
    if (isThere(answer) || Date.now() > deadline) return answer;
    await new Promise((resolve) => setTimeout(resolve, 20));
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

beforeAll(buildDemo, 60_000);
afterAll(killDemos);

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
      ({ body }) => body.count === 11,
    );
    expect(list.body.results?.map(({ name }) => name)).toEqual([
      'POST /items',
      'create items',
      'PATCH /items/:id',
      'update items',
      'PUT /items/:id',
      'update items',
      'DELETE /items/:id',
      'delete items',
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
    expect((before.body.count ?? 0) + (after.body.count ?? 0)).toBeGreaterThanOrEqual(11);
    const detail = await demo.get(`/audit-events/${created.auditId}/`);
    expect(detail.body).toMatchObject({
      uuid: created.auditId,
      tenant: 'acme',
      user: { id: 'ann', email: 'ann@example.org', name: 'Ann' },
    });

    // who changed the price from what to what, from where: in one call of each API of objects
    const { id } = created.body;
    const bearer = `Bearer ${TOKEN}`;
    const history = await demo.get(`/history/?object_id=${id}&action_type=update`, bearer);
    expect(history.body.results?.[1]).toMatchObject({
      user_id: 'ann',
      ip_address: '127.0.0.1',
      before_state: { name: 'Lamp', price: 0 },
      after_state: { name: 'Lamp', price: 9.5 },
    });
    const organization = await demo.get(
      `/v1/organizations/acme/audit/?entityId=${id}&action=update&sort=createdAt:asc`,
      bearer,
    );
    expect(organization.body).toMatchObject({
      data: { items: [{ userId: 'ann', diff: [{ kind: 'E', path: ['price'], lhs: 0, rhs: 9.5 }] }, {}] },
    });
    const logs = await demo.get(
      `/v2/audit-logs?entityIdString=${id}&event=updated&sort_direction=asc`,
      bearer,
    );
    expect(logs.body).toMatchObject({
      data: [{ keycloakUuid: 'ann', ip: '127.0.0.1', properties: { after: { price: 9.5 } } }, {}],
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
      const results = body.results ?? [];
      expect(new Set(results.map(({ tenant }) => tenant))).toEqual(new Set(['acme', 'globex', null]));
      expect(results).toContainEqual(expect.objectContaining({ name: 'LoginFailed', status: 'failure' }));
      const labels = { operatorId: 7, companyId: 1, caller: 'web' };
      expect(results).toContainEqual(expect.objectContaining({ tenant: 'acme', labels }));
      const children = execFileSync('ps', ['-o', 'args=', '--ppid', String(demo.pid)], { encoding: 'utf8' });
      const port = Number(/--port (\d+)/.exec(children)?.[1]);
      expect(await isListening(port)).toBe(true);
      expect(await demo.stop('SIGINT')).toMatchObject({ code: 0 });
      expect(await isListening(port)).toBe(false);
    },
    LONGEST_STOP_MS * 3,
  );

  it('opens each API to the token, and to auditor-acme what is of acme, in the scheme that the API asks for', async () => {
    const demo = await startDemo({ MONGODB_URI: freshUri(), DEMO_TRAFFIC: '0' });
    const jwt = /^JWT of auditor-acme (ey[\w-]+\.[\w-]+\.[\w-]+)$/m.exec(demo.lines.join('\n'))?.[1] ?? '';
    const { auditId } = await demo.call('GET', '/ping');
    const other = await demo.call('GET', '/ping', undefined, { 'x-tenant': 'globex' });
    const path = `/audit-events/${other.auditId}/`;
    const seen = await eventually(
      () => demo.get(path),
      ({ status }) => status === 200,
    );
    expect(seen.body).toMatchObject({ tenant: 'globex', labels: { companyId: 2, operatorId: 9 } });
    expect((await demo.get(`/audit-events/${auditId}/`, `Token ${jwt}`)).status).toBe(200);
    expect((await demo.get(path, `Token ${jwt}`)).status).toBe(404);
    for (const [mount, scheme] of MOUNTS) {
      expect((await demo.get(mount, `${scheme} ${TOKEN}`)).status).toBe(200);
      const own = await demo.get(mount, `${scheme} ${jwt}`);
      expect(own.status).toBe(200);
      expect(JSON.stringify(own.body)).not.toContain('globex');
      expect((await demo.get(mount, `${scheme} nobody`)).status).toBe(401);
      expect((await demo.get(mount, '')).status).toBe(401);
    }
    expect(await demo.stop('SIGTERM')).toEqual({ code: 0, stderr: '' });
  });

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

describe('the demo at a level above memory', () => {
  let directory: string;
  let gateway: Gateway;
  let uri: URL;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'demo-'));
    uri = new URL(freshUri());
    gateway = await startGateway(Number(uri.port));
    uri.port = String(gateway.port);
  });
  afterEach(async () => {
    gateway.close();
    await rm(directory, { recursive: true, force: true });
  });

  const startAt = (level: Record<string, string>): Promise<Demo> =>
    startDemo({ MONGODB_URI: uri.toString(), DEMO_TRAFFIC: '0', AUDIT_SPOOL_DIR: directory, ...level });
  const logIn = (demo: Demo) =>
    demo.call('POST', '/login', { username: 'ann', password: 'open sesame' }, { 'x-tenant': 'acme' });
  /** What the example of the README says. */
  const readSpoolOf = (directory: string): string[] => {
    const env = { ...process.env, AUDIT_SPOOL_DIR: directory };
    const script = 'dist/examples/read-spool.js';
    return execFileSync(process.execPath, [script], { cwd: ROOT, env, encoding: 'utf8' }).trim().split('\n');
  };
  const healthOf = async ({ url }: Demo): Promise<{ status: number; body: Record<string, unknown> }> => {
    const response = await fetch(`${url}/healthz`);
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };

  it.each(['spool', 'strict'])(
    '%s has lost nothing of what was answered before SIGKILL, once it is started again',
    async (level) => {
      const demo = await startAt({ AUDIT_DURABILITY: level });
      gateway.freeze();
      const answers = [];
      for (let i = 0; i < 20; i++) answers.push(await demo.call('GET', '/ping'), await logIn(demo));
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
      const { status, body } = await healthOf(demo);
      expect(status).toBe(200);
      // each login has an intent
      expect(body).toMatchObject({ captured: 60, delivered: 0, pending: 60, rejected: 0 });
      expect(body.spoolBytes).toBeGreaterThan(0);
      await demo.stop('SIGKILL');
      const seen = readSpoolOf(directory);
      expect(seen[0]).toMatch(/^[0-9a-f-]{36} is dead 1 files$/);
      for (const { auditId } of answers) expect(seen.join('\n')).toContain(` ${auditId} `);

      gateway.thaw();
      const again = await startAt({ AUDIT_DURABILITY: level });
      const trail = await eventually(
        () => again.get('/audit-events/?limit=1000'),
        ({ body }) => body.results?.length === 60,
      );
      const stored = (trail.body.results ?? []).filter(({ status }) => status !== 'intent');
      expect(stored.map(({ uuid }) => uuid).sort()).toEqual(answers.map(({ auditId }) => auditId).sort());
      expect(trail.body.results).toHaveLength(60);
      expect((await healthOf(again)).body).toMatchObject({ state: 'healthy', dropped: 0 });
      expect(await again.stop('SIGTERM')).toEqual({ code: 0, stderr: '' });
      expect(await readdir(directory)).toEqual([]);
    },
  );

  it('strict in MongoDB refuses what it cannot announce there, and says so to health checks', async () => {
    const demo = await startAt({ AUDIT_DURABILITY: 'strict', AUDIT_STRICT_AT: 'mongo' });
    expect((await logIn(demo)).status).toBe(200);
    gateway.close();
    await eventually(
      () => healthOf(demo),
      ({ status }) => status === 503,
    );
    const { status, body } = await healthOf(demo);
    expect({ status, state: body.state }).toEqual({ status: 503, state: 'rejecting' });
    expect((await logIn(demo)).status).toBe(503);
    expect((await demo.call('GET', '/ping')).status).toBe(200);
    expect((await demo.stop('SIGTERM')).code).toBe(0);
  });

  it('is not started at a level that does not exist', async () => {
    await expect(startAt({ AUDIT_DURABILITY: 'paper' })).rejects.toThrow(
      'AUDIT_DURABILITY must be one of memory, spool, strict, not paper',
    );
    await expect(startAt({ AUDIT_STRICT_AT: 'home' })).rejects.toThrow('AUDIT_STRICT_AT must be one of disk');
  });
});
