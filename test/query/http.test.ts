import { EXPRESSES } from '../support/app';
import { eventOf, listOf } from './contract';
import { ask, authenticate, headersOf, row, startTrail, type Trail } from './trail';

const UNKNOWN = '0190a6d0-0000-7000-8000-000000000000';
const stored = row('2026-01-01T00:00:00Z', { tenant: 'a', objectId: '5' });

describe.each(EXPRESSES)('audit-events over HTTP on %s', (_, express) => {
  let trail: Trail;

  beforeAll(async () => {
    trail = await startTrail({
      express,
      build(app, audit) {
        app.use('/audit-events', audit.router({ authenticate }));
        app.use('/:version/trail', audit.router({ authenticate }));
        app.get('/audit-events/:uuid/comments', (_req, res) => void res.json('of the app'));
        app.post('/audit-events/a/b', (_req, res) => void res.json('of the app'));
        app.use('/rooted', express().use(audit.router({ authenticate })));
      },
    });
    await trail.store([stored]);
  });

  it.each(['', '/', '?limit=1', '/?limit=1', '?', '/?&&'])(
    'answers the list at /audit-events%s',
    async (end) => {
      const answer = await trail.get(end);
      expect(listOf(answer)).toMatchObject({ count: 1, results: [{ uuid: stored.uuid }] });
      expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8');
    },
  );

  it.each([`/${stored.uuid}`, `/${stored.uuid}/`, `/${stored.uuid}?`])(
    'answers the event at %s',
    async (path) => {
      expect(eventOf(await trail.get(path))).toMatchObject({ uuid: stored.uuid, object_id: 5 });
    },
  );

  it.each(['/v1/trail/', '/v1/trail', '/rooted/', '/rooted'])('answers below the mount %s', async (mount) => {
    expect(listOf(await ask(`${trail.url}${mount}`)).count).toBe(1);
    const path = `${mount.replace(/\/$/, '')}/${stored.uuid}`;
    expect(eventOf(await ask(`${trail.url}${path}`)).uuid).toBe(stored.uuid);
  });

  it.each([
    ['an unknown uuid', UNKNOWN],
    ['a malformed uuid', 'not-a-uuid'],
    ['a uuid that lacks a digit', stored.uuid.slice(1)],
    ['a uuid in braces', `%7B${stored.uuid}%7D`],
    ['a uuid without dashes', stored.uuid.replaceAll('-', '')],
    ['a uuid and more', `${stored.uuid}00`],
    ['broken percent-encoding', '%E0%A4%A'],
    ['a NUL', '%00'],
    ['an operator', '%7B%22$ne%22:1%7D'],
    ['__proto__', '__proto__'],
  ])('answers 404 for %s', async (_what, uuid) => {
    const answer = await trail.get(`/${uuid}/`);
    expect([answer.status, answer.body]).toEqual([404, { detail: 'Not found.' }]);
  });

  it.each(['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])('answers 405 to %s, with Allow', async (method) => {
    for (const path of ['/', `/${stored.uuid}/`, '/?user[$ne]=1']) {
      for (const as of ['fake-token-all', null] as const) {
        const answer = await trail.get(path, { method, as });
        expect([answer.status, answer.body]).toEqual([405, { detail: `Method "${method}" not allowed.` }]);
        expect(answer.headers.get('allow')).toBe('GET, HEAD');
      }
    }
  });

  it.each([
    ['the list', '/'],
    ['an event', `/${stored.uuid}/`],
    ['an unknown event', `/${UNKNOWN}/`],
    ['a wrong parameter', '/?limit=0'],
    ['a page past the end', '/?page=9'],
  ])('answers HEAD of %s like GET, without a body', async (_what, path) => {
    const [head, get] = await Promise.all([trail.get(path, { method: 'HEAD' }), trail.get(path)]);
    expect(head.text).toBe('');
    expect(head.status).toBe(get.status);
    expect(headersOf(head)).toEqual(headersOf(get));
  });

  it.each([
    ['the list', '/', 'GET', 200],
    ['an event', `/${stored.uuid}/`, 'GET', 200],
    ['a refusal', '/?x=1', 'GET', 400],
    ['an unknown event', `/${UNKNOWN}/`, 'GET', 404],
    ['a wrong method', '/', 'POST', 405],
  ])('forbids to store %s', async (_what, path, method, status) => {
    const answer = await trail.get(path, { method });
    expect(answer.status).toBe(status);
    expect(answer.headers.get('cache-control')).toBe('no-store');
  });

  it('leaves deeper paths to the app', async () => {
    const own = await trail.get(`/${stored.uuid}/comments`, { as: null });
    expect([own.status, own.body]).toEqual([200, 'of the app']);
    const post = await trail.get('/a/b', { method: 'POST', as: null });
    expect([post.status, post.body]).toEqual([200, 'of the app']);
    const none = await fetch(`${trail.url}/audit-events/${stored.uuid}/nothing`);
    expect([none.status, none.headers.get('content-type')]).toEqual([404, 'text/html; charset=utf-8']);
  });

  it("answers whatever the app's settings for its own answers are", async () => {
    const usual = await trail.get('/');
    const settings = {
      'json replacer': () => 'replaced',
      'json spaces': 4,
      'json escape': true,
      etag: 'strong',
    };
    for (const [name, value] of Object.entries(settings)) trail.app.set(name, value);
    try {
      const answer = await trail.get('/');
      expect(answer.text).toBe(usual.text);
      expect(headersOf(answer)).toEqual(headersOf(usual));
      expect(answer.headers.get('etag')).toBeNull();
    } finally {
      for (const name of ['json replacer', 'json spaces', 'json escape']) trail.app.set(name, undefined);
    }
  });

  it('answers 404 with an error for a page past the end, and 200 for the first page of nothing', async () => {
    for (const path of ['/?page=2', '/?page=2147483647&limit=1000', '/?page=2&user=nobody']) {
      const answer = await trail.get(path);
      expect([answer.status, answer.body]).toEqual([404, { detail: 'Invalid page.' }]);
    }
    const empty = { count: 0, next: null, previous: null, results: [] };
    expect(listOf(await trail.get('/?user=nobody'))).toEqual(empty);
    expect(listOf(await trail.get('/?user=nobody&page=1'))).toEqual(empty);
  });
});
