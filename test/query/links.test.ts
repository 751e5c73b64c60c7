import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { EXPRESSES } from '../support/app';
import { listOf } from './contract';
import { ask, authenticate, row, startTrail, type Trail } from './trail';

const FORWARDED = { 'X-Forwarded-Host': 'shop.example:8443', 'X-Forwarded-Proto': 'https' };
const AUTHORIZATION = 'Authorization: Token fake-token-all\r\n';
const rows = Array.from({ length: 5 }, (_, i) => row(1_767_225_600_000 + i, { user: 'a b&c=+é' }));

/** What the server answers to bytes that fetch would not send. */
async function send(url: string, head: string): Promise<unknown> {
  const { port } = new URL(url);
  const socket = connect(Number(port), '127.0.0.1');
  await once(socket, 'connect');
  socket.write(`${head}\r\n${AUTHORIZATION}Connection: close\r\n\r\n`);
  const answer = await text(socket);
  return JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4));
}

describe.each(EXPRESSES)('links on %s', (_, express) => {
  let trail: Trail;
  let trust: unknown = false;

  beforeAll(async () => {
    trail = await startTrail({
      express,
      build(app, audit, { Router }) {
        app.use((_req, _res, next) => {
          app.set('trust proxy', trust);
          next();
        });
        const inner = Router();
        inner.use('/trail', audit.router({ authenticate }));
        app.use('/api/:version', inner);
        app.use('/sub', express().use('/app', audit.router({ authenticate })));
        app.use(audit.router({ authenticate }));
      },
    });
    await trail.store(rows);
  });
  beforeEach(() => {
    trust = false;
  });

  it.each(['/', '/api/v1/trail/', '/api/v1/trail', '/api/a%20b%2Fc/trail/', '/sub/app/', '/sub/app'])(
    'lead to the neighbours of a page at %s',
    async (path) => {
      const base = `${trail.url}${path}`;
      const first = listOf(await ask(`${base}?limit=2`));
      expect([first.previous, first.next]).toEqual([null, `${base}?limit=2&page=2`]);
      const second = listOf(await ask(first.next ?? ''));
      expect([second.previous, second.next]).toEqual([`${base}?limit=2`, `${base}?limit=2&page=3`]);
      const third = listOf(await ask(second.next ?? ''));
      expect([third.previous, third.next]).toEqual([`${base}?limit=2&page=2`, null]);
      const back = listOf(await ask(second.previous ?? ''));
      expect(back).toEqual(first);
    },
  );

  it('keep all other parameters', async () => {
    const given = {
      user: 'a b&c=+é',
      timestamp__gte: '2026-01-01T02:00:00.000001+02:00',
      timestamp__lt: '2027-01-01',
      sort: '-user',
      limit: '1',
      page: '2',
    };
    const { next, previous, count } = listOf(await ask(`${trail.url}/?${new URLSearchParams(given)}`));
    const parametersOf = (url: string | null) => Object.fromEntries(new URL(url ?? '').searchParams);
    expect(count).toBe(4);
    expect(parametersOf(next)).toEqual({ ...given, page: '3' });
    const { page: _page, ...others } = given;
    expect(parametersOf(previous)).toEqual(others);
  });

  it.each<[string, unknown, Record<string, string>, string | null]>([
    ['ignore the headers of a proxy that is not trusted', false, FORWARDED, null],
    ['ignore them from a peer that is none of the trusted', '10.0.0.0/8', FORWARDED, null],
    ['follow a trusted proxy', true, FORWARDED, 'https://shop.example:8443'],
    ['follow a proxy that is trusted by its address', 'loopback', FORWARDED, 'https://shop.example:8443'],
    ['follow one that is trusted as a hop', 1, FORWARDED, 'https://shop.example:8443'],
    [
      'follow the first of several proxies',
      true,
      { 'X-Forwarded-Host': 'a.example, b.example', 'X-Forwarded-Proto': 'https, http' },
      'https://a.example',
    ],
    ['take no host that is none', true, { 'X-Forwarded-Host': 'evil.example/"<script>' }, null],
    ['take no scheme that is none', true, { 'X-Forwarded-Proto': 'javascript' }, null],
  ])('%s', async (_what, trusted, headers, origin) => {
    trust = trusted;
    const { next } = listOf(await ask(`${trail.url}/?limit=1`, { headers }));
    expect(next).toBe(`${origin ?? trail.url}/?limit=1&page=2`);
  });

  it.each([
    ['Host', 'GET /?limit=1 HTTP/1.1\r\nHost: trail.example:81', 'http://trail.example:81'],
    ['an IPv6 Host', 'GET /?limit=1 HTTP/1.1\r\nHost: [::1]:81', 'http://[::1]:81'],
    [
      'a target that is a whole URL',
      'GET http://trail.example/?limit=1 HTTP/1.1\r\nHost: trail.example',
      'http://trail.example',
    ],
  ])('are built from %s', async (_what, head, origin) => {
    expect(await send(trail.url, head)).toMatchObject({ next: `${origin}/?limit=1&page=2`, count: 5 });
  });

  it.each([
    ['no Host', 'GET /?limit=1 HTTP/1.0'],
    ['a Host that is none', 'GET /?limit=1 HTTP/1.1\r\nHost: a"b<c>'],
  ])('are built from the local address where there is %s', async (_what, head) => {
    expect(await send(trail.url, head)).toMatchObject({ next: `${trail.url}/?limit=1&page=2` });
  });
});
