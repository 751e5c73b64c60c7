import type { Express } from 'express';
import { EXPRESSES } from '../support/app';
import { listOf, parameterProblem } from './contract';
import { ask, authenticate, row, startTrail, type Trail } from './trail';

const NAMES =
  'content_type, object_id, user, timestamp, timestamp__gt, timestamp__gte, timestamp__lt, timestamp__lte, sort, page, limit';
const LIMIT = 'Must be an integer from 1 to 1000.';
const PAGE = 'Must be an integer from 1 to 2147483647.';
const TYPE = 'Must be an integer from 0 to 2147483647.';
const TEXT = 'Must be a text of 1 to 256 characters.';
const ENCODING = 'Must be percent-encoded UTF-8.';
const SORT = 'Must be one of timestamp, -timestamp, user, -user, content_type,';

const UNKNOWN: readonly (readonly [string, string, string])[] = [
  ['usr=1', 'usr', 'Unknown parameter: "usr". Did you mean \'user\'?'],
  ['User=1', 'User', "Did you mean 'user'?"],
  ['timestamp_gt=1', 'timestamp_gt', "Did you mean 'timestamp__gt'?"],
  ['pgae=2', 'pgae', "Did you mean 'page'?"],
  ['%6Cimits=2', 'limits', "Did you mean 'limit'?"],
  ['remote_addr=10.0.0.1', 'remote_addr', `Allowed: ${NAMES}.`],
  ['$where=sleep(1)', '$where', `Allowed: ${NAMES}. Received "sleep(1)".`],
  ['$regex=.*', '$regex', 'Unknown parameter: "$regex"'],
  ['__proto__=1', '__proto__', 'Unknown parameter: "__proto__"'],
  ['constructor=1', 'constructor', 'Unknown parameter: "constructor"'],
  ['hasOwnProperty=1', 'hasOwnProperty', 'Unknown parameter: "hasOwnProperty"'],
  ['=1', '', 'Unknown parameter: ""'],
  ['=', '', 'Unknown parameter: ""'],
  ['user%00=1', 'user\0', "Did you mean 'user'?"],
  ['user.id=1', 'user.id', 'Unknown parameter: "user.id"'],
  ['user[$ne]=1', 'user[$ne]', 'Parameters take no brackets: "user[$ne]". Did you mean \'user\'?'],
  ['user%5B%24ne%5D=1', 'user[$ne]', "Did you mean 'user'?"],
  ['user[]=1', 'user[]', 'Parameters take no brackets'],
  ['usr[$gt]=', 'usr[$gt]', "Did you mean 'user'?"],
  ['__proto__[tenants]=*', '__proto__[tenants]', 'Parameters take no brackets'],
  [`${'x'.repeat(300)}=1`, 'x'.repeat(64), 'Unknown parameter'],
];
const REPEATED: readonly (readonly [string, string, string])[] = [
  ['user=1&user=2', 'user', 'Must be given once. Received "1" and "2".'],
  ['user=1&user=1', 'user', 'Must be given once.'],
  ['user=1&us%65r=2', 'user', 'Must be given once.'],
  ['limit=5&page=1&limit=6', 'limit', 'Received "5" and "6".'],
  ['user&user', 'user', 'Must be given once.'],
];
const MISTYPED: readonly (readonly [string, string, string])[] = [
  ...[
    '-1',
    '0',
    '1001',
    '1e9',
    '1e2',
    'NaN',
    'Infinity',
    '0x10',
    '1.5',
    '1.0',
    '%2B1',
    '01',
    '',
    '%20',
    '5%20',
    '٣',
    '1_0',
    'null',
    '9'.repeat(400),
  ].map((value) => [`limit=${value}`, 'limit', LIMIT] as const),
  ...['0', '-1', '2147483648', 'last', ''].map((value) => [`page=${value}`, 'page', PAGE] as const),
  ...['-1', 'orders', '2147483648', ''].map(
    (value) => [`content_type=${value}`, 'content_type', TYPE] as const,
  ),
  ['user=', 'user', `${TEXT} Received "".`],
  ['user', 'user', TEXT],
  [`user=${'u'.repeat(257)}`, 'user', TEXT],
  ['object_id=', 'object_id', TEXT],
  [`object_id=${'1'.repeat(257)}`, 'object_id', TEXT],
  ['sort=$natural', 'sort', `${SORT}`],
  ['sort=', 'sort', SORT],
  ['sort=__proto__', 'sort', SORT],
  ['sort=-constructor', 'sort', SORT],
  ['sort=--timestamp', 'sort', 'Did you mean \'-timestamp\'? Received "--timestamp".'],
  ['sort=timestmap', 'sort', "Did you mean 'timestamp'?"],
  ['sort=timestamp,user', 'sort', SORT],
  ['sort=+timestamp', 'sort', 'Received " timestamp".'],
  ['sort=_id', 'sort', SORT],
];
const MISENCODED: readonly (readonly [string, string, string])[] = [
  ['user=%', 'user', `${ENCODING} Received "%".`],
  ['user=%E0%A4%A', 'user', ENCODING],
  ['user=%FF', 'user', ENCODING],
  ['user=%ED%A0%80', 'user', ENCODING],
  ['%E0%A4%A=1', '%E0%A4%A', `${ENCODING} Received "%E0%A4%A".`],
  ['usr=%FF', 'usr', "Did you mean 'user'?"],
];

const LONGEST_HEADER = 256 * 1024;
const stored = row('2026-01-01T00:00:00Z');

describe.each(EXPRESSES)('a request of audit-events on %s', (_, express) => {
  let trail: Trail;

  beforeAll(async () => {
    trail = await startTrail({ express, server: { maxHeaderSize: LONGEST_HEADER } });
    await trail.store([stored]);
  });

  it.each([...UNKNOWN, ...REPEATED, ...MISTYPED, ...MISENCODED])(
    'with ?%s is 400 and names %j: %s',
    async (query, parameter, message) => {
      const answer = await trail.get(`/?${query}`);
      expect(parameterProblem(answer)).toEqual({
        status: 400,
        parameter,
        message: expect.stringContaining(message),
      });
    },
  );

  it('with a wrong value is told the value, cut to a readable length', async () => {
    const { message } = parameterProblem(await trail.get(`/?limit=${'9'.repeat(5_000)}`));
    expect(message).toBe(`${LIMIT} Received "${'9'.repeat(64)}...".`);
  });

  it.each([
    ['the same parameter', 'user=1'],
    ['an unknown parameter', 'x=1'],
    ['a bracketed parameter', 'user[]=1'],
  ])('with 10,000 times %s is 400', async (_what, pair) => {
    const answer = await trail.get(`/?${Array(10_000).fill(pair).join('&')}`);
    expect(parameterProblem(answer).status).toBe(400);
  });

  it('reads every parameter, however many empty ones stand before it', async () => {
    const none = '&'.repeat(10_000);
    expect(listOf(await trail.get(`/?${none}user=nobody`)).count).toBe(0);
    expect(parameterProblem(await trail.get(`/?${none}user[$ne]=1`)).parameter).toBe('user[$ne]');
  });

  it.each(['x=1', 'user=1', 'limit=1', 'user[$ne]=1', 'format=json'])(
    'of one event takes no %s',
    async (query) => {
      const answer = await trail.get(`/${stored.uuid}/?${query}`);
      const [name] = query.split('=');
      expect(parameterProblem(answer)).toEqual({
        status: 400,
        parameter: name,
        message: expect.stringContaining('Nothing is allowed here. Received "'),
      });
    },
  );

  it('reports nothing to the operator for what a client got wrong', () => {
    expect(trail.errors).toEqual([]);
  });
});

/** Parsers that apps set: none, Node's own, nesting, and two that answer nonsense. */
const PARSERS: readonly (readonly [string, unknown])[] = [
  ['none', false],
  ['simple', 'simple'],
  ['extended', 'extended'],
  ['one that invents', () => ({ user: { $ne: null }, limit: '1000' })],
  ['one that answers nothing', () => undefined],
];

describe.each(EXPRESSES)("an app's own query parser on %s", (_, express) => {
  async function withParser(parser: unknown, test: (url: string, app: Express) => Promise<void>) {
    const trail = await startTrail({
      express,
      build(app, audit) {
        app.set('query parser', parser);
        app.use('/audit-events', audit.router({ authenticate }));
      },
    });
    await trail.store([row('2026-01-01T00:00:00Z', { user: 'a b&c' }), stored]);
    await test(`${trail.url}/audit-events/`, trail.app);
  }

  it.each(PARSERS)('has no say: %s', (_name, parser) =>
    withParser(parser, async (url) => {
      expect(listOf(await ask(url)).count).toBe(2);
      expect(listOf(await ask(`${url}?user=a+b%26c&limit=1`)).count).toBe(1);
      expect(parameterProblem(await ask(`${url}?user[$ne]=1`)).parameter).toBe('user[$ne]');
      expect(parameterProblem(await ask(`${url}?limit=0`)).parameter).toBe('limit');
    }),
  );

  it('that throws opens nothing', () =>
    withParser(
      () => {
        throw new Error('cannot parse');
      },
      async (url, app) => {
        app.set('env', 'test');
        const response = await fetch(`${url}?user=nobody`, {
          headers: { Authorization: 'Token fake-token-all' },
        });
        // Express 4 parses every query before any middleware runs, and answers the error itself
        if (response.status !== 500) expect(await response.json()).toMatchObject({ count: 0 });
        const wrong = await fetch(`${url}?user=nobody`);
        expect([401, 500]).toContain(wrong.status);
      },
    ));
});
