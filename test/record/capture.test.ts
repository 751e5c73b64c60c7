import type { CaptureOptions } from '../../lib/index';
import { EXPRESSES, startApp } from '../support/app';
import { exchange, post } from './raw-client';

const TARGET =
  '/users/7?kept=k1&left=canary-q1&user[name]=k2&%6Ceft=canary-q2&left[a]=canary-q3&left%5Bb%5D=canary-q4&canary-q5&left+x=canary-q6';
const BODY = JSON.stringify({ kept: 'k3', left: 'canary-b1', nested: { left: 'canary-b2' }, 'canary-b3': 1 });
const HEADERS = ['X-Kept: k4', 'X-Left: canary-h1', 'X-Canary-H2: x', 'Canary-H3: 1'];
const CANARIES = {
  query: /canary-q\d/i,
  body: /canary-b\d/i,
  headers: /canary-h\d/i,
};

const LEFT_OUT: readonly (readonly [string, CaptureOptions, readonly (keyof typeof CANARIES)[]])[] = [
  ['nothing', {}, []],
  ['the query', { query: false }, ['query']],
  ['the body', { body: false }, ['body']],
  ['the headers', { headers: false }, ['headers']],
  ['all but some parameters', { query: ['kept', 'user'] }, ['query']],
  ['all but some members', { body: ['kept'] }, ['body']],
  ['all but some headers', { headers: ['x-kept', 'content-type'] }, ['headers']],
  ['all but lists of nothing', { query: [], body: [], headers: [] }, ['query', 'body', 'headers']],
  ['all three', { query: false, body: false, headers: false }, ['query', 'body', 'headers']],
];

describe.each(EXPRESSES)('option capture on %s', (_, express) => {
  async function eventWith(capture: CaptureOptions, request: Buffer) {
    const app = await startApp({
      express,
      options: { capture, ensureIndexes: false },
      build(app, audit, { json }) {
        app.use(audit.middleware(), json({ strict: false }));
        app.post('/users/:id', (req, res) => void res.json([req.query, req.body, req.headers]));
      },
    });
    const answer = await exchange(app.url, request);
    const event = await app.event();
    await app.close();
    return { answer, event };
  }
  const request = Buffer.from(
    post(TARGET, BODY)
      .toString()
      .replace('\r\n', `\r\n${HEADERS.join('\r\n')}\r\n`),
  );

  it.each(LEFT_OUT)('leaves out %s, everywhere, and nothing else', async (_case, capture, leftOut) => {
    const { answer, event } = await eventWith(capture, request);
    const stored = JSON.stringify(event);
    for (const [section, canary] of Object.entries(CANARIES)) {
      expect(answer).toMatch(canary);
      if ((leftOut as readonly string[]).includes(section)) expect(stored).not.toMatch(canary);
      else expect(stored).toMatch(canary);
    }
    expect(event).toMatchObject({ route: '/users/:id', object: { type: 'users', id: '7' }, truncated: [] });
  });

  it('records the allowed parameters, in the url too', async () => {
    const { event } = await eventWith({ query: ['kept', 'user'] }, request);
    expect(event.url).toBe('http://shop.example/users/7?kept=k1&user%5Bname%5D=k2');
    expect(Object.keys(event.queryParams ?? {}).map((name) => name.replace('[name]', ''))).toEqual([
      'kept',
      'user',
    ]);
  });

  it('records the allowed members and headers', async () => {
    const { event } = await eventWith({ body: ['kept'], headers: ['X-Kept'] }, request);
    expect(event).toMatchObject({ postData: { kept: 'k3' }, postDataState: 'captured' });
    expect(event.headers).toEqual({ 'x-kept': 'k4' });
  });

  it('says that a section is off', async () => {
    const { event } = await eventWith({ body: false, headers: false, query: false }, request);
    expect(event).toMatchObject({ postData: null, postDataState: 'off', headers: null, queryParams: null });
    expect(event.url).toBe('http://shop.example/users/7');
  });

  it.each([
    ['a list', '["canary-b1"]'],
    ['a string', '"canary-b1"'],
    ['a number', '1'],
  ])('has no members to choose from where the body is %s', async (_case, body) => {
    const { event } = await eventWith({ body: ['kept', '0'] }, post('/users/7', body));
    expect(event).toMatchObject({ postData: null, postDataState: 'off' });
  });

  it('keeps __proto__ where it is allowed', async () => {
    const body = '{"__proto__":{"a":1},"left":"canary-b1"}';
    const { event } = await eventWith({ body: ['__proto__'] }, post('/users/7', body));
    expect(JSON.stringify(event.postData)).toBe('{"__proto__":{"a":1}}');
  });
});
