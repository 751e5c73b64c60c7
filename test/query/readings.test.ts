import { createAudit } from '../../lib/index';
import { allEvents, EXPRESSES, freshUri } from '../support/app';
import { listOf } from './contract';
import { authenticate, closedAtEnd, row, startTrail, type Trail } from './trail';

const stored = row('2026-01-01T00:00:00Z', {
  tenant: 'a',
  stored: {
    postData: { secret: 'no more' },
    headers: { host: 'x' },
    before: { a: 1 },
    after: { a: 2 },
    diff: [{ kind: 'E', path: ['a'], lhs: 1, rhs: 2 }],
    truncated: ['postData.note', 'headersOfMine', 'url'],
    content: { kept: true },
  },
});

describe.each(EXPRESSES)('a reading of the trail on %s', (_, express) => {
  async function start(hasMiddleware: boolean, auditReads: boolean): Promise<Trail> {
    const trail = await startTrail({
      express,
      options: { auditReads, user: () => ({ id: 'session-user' }), tenant: () => 'app' },
      build(app, audit) {
        if (hasMiddleware) app.use(audit.middleware());
        app.use('/audit-events', audit.router({ authenticate }));
      },
    });
    await trail.store([stored]);
    return trail;
  }
  const readingsOf = async (trail: Trail) =>
    (await trail.events()).filter(({ uuid }) => uuid !== stored.uuid);

  it.each([true, false])('is one event, with the middleware in front: %s', async (hasMiddleware) => {
    const trail = await start(hasMiddleware, true);
    const list = await trail.get('/?user=nobody&limit=5', { as: 'fake-token-a' });
    expect(listOf(list).count).toBe(0);
    const [first, ...others] = await readingsOf(trail);
    expect(others).toEqual([]);
    expect(first).toMatchObject({
      kind: hasMiddleware ? 'request' : 'event',
      status: 'success',
      statusCode: 200,
      method: 'GET',
      url: `${trail.url}/audit-events/?user=nobody&limit=5`,
      remoteAddr: '127.0.0.1',
      user: { id: 'reader-a', email: null, name: null },
      tenant: 'a',
      object: { type: 'audit-event', id: 'audit-events' },
      content: { api: 'audit-events', filter: { user: 'nobody', limit: '5' }, rows: 0 },
    });
    if (hasMiddleware) expect(list.headers.get('x-audit-id')).toBe(first?.uuid);
  });

  it.each([true, false])('names the event that was read, with the middleware: %s', async (hasMiddleware) => {
    const trail = await start(hasMiddleware, true);
    await trail.get(`/${stored.uuid}/`);
    expect(await readingsOf(trail)).toMatchObject([
      {
        user: { id: 'auditor' },
        tenant: null,
        object: { type: 'audit-event', id: stored.uuid },
        content: { filter: { uuid: stored.uuid }, rows: 1 },
      },
    ]);
  });

  it.each([true, false])('that failed is kept as failed, with the middleware: %s', async (hasMiddleware) => {
    const trail = await start(hasMiddleware, true);
    await trail.get('/?usr=1');
    expect(await readingsOf(trail)).toMatchObject([
      { status: 'failure', statusCode: 400, user: { id: 'auditor' }, content: { filter: null, rows: 0 } },
    ]);
  });

  it('is none where nobody was admitted, nor of the document', async () => {
    const trail = await start(false, true);
    expect((await trail.get('/', { as: null })).status).toBe(401);
    expect((await trail.get('/', { method: 'POST' })).status).toBe(405);
    expect((await trail.get('/openapi.json', { as: null })).status).toBe(200);
    expect(await readingsOf(trail)).toEqual([]);
  });

  it('is not recorded, and no request is touched, with auditReads: false', async () => {
    const bare = await start(false, false);
    await bare.get('/');
    expect(await readingsOf(bare)).toEqual([]);
    const behind = await start(true, false);
    await behind.get('/');
    expect(await readingsOf(behind)).toMatchObject([
      { kind: 'request', user: { id: 'session-user' }, tenant: 'app', content: null },
    ]);
  });

  it('stands on the event of the audit that was read, where another one records the request too', async () => {
    const other = closedAtEnd(createAudit({ mongo: freshUri(), auditReads: false }));
    const trail = await startTrail({
      express,
      options: { auditReads: true },
      build(app, audit) {
        app.use(audit.middleware(), other.middleware());
        app.use('/audit-events', audit.router({ authenticate }));
      },
    });
    await trail.get('/');
    const own = { user: { id: 'auditor' }, object: { type: 'audit-event' } };
    expect(await readingsOf(trail)).toMatchObject([own]);
    expect(await allEvents(other)).toMatchObject([{ user: null, content: null }]);
  });

  it('is an event of its own where only another audit records the request', async () => {
    const other = closedAtEnd(createAudit({ mongo: freshUri() }));
    const trail = await startTrail({
      express,
      options: { auditReads: true },
      build(app, audit) {
        app.use(other.middleware());
        app.use('/audit-events', audit.router({ authenticate }));
      },
    });
    await trail.get('/');
    expect(await readingsOf(trail)).toMatchObject([
      { kind: 'event', name: 'AuditRead', user: { id: 'auditor' } },
    ]);
  });

  it('shows bodies, headers and states to those only who may see them', async () => {
    const trail = await start(false, false);
    for (const path of ['/', `/${stored.uuid}/`]) {
      const [all, less] = await Promise.all([
        trail.get(path),
        trail.get(path, { as: 'fake-token-no-payload' }),
      ]);
      const eventOf = ({ body }: typeof all) =>
        (body as { results?: object[] }).results?.[0] ?? (body as Record<string, unknown>);
      expect(eventOf(all)).toMatchObject({ post_data: stored.stored?.postData, before: { a: 1 } });
      const hidden = { post_data: null, headers: null, before: null, after: null, diff: null };
      expect(eventOf(less)).toEqual({ ...eventOf(all), ...hidden, truncated: ['headersOfMine', 'url'] });
    }
  });
});
