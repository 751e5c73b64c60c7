import { EXPRESSES } from '../support/app';
import { get, json, type Sent, type Subject, startSubject } from './harness';

const CANARY = 'CANARYpw12';
const LONG = 'CANARYpw12-and-more-Z9x';
const base64 = (value: string): string => Buffer.from(value).toString('base64');
const authorized = (authorization: string): Sent => get('/x', { authorization });
const SPECIAL = 'CANARY<pw>&"12"';
const ESCAPED = 'CANARY&lt;pw&gt;&amp;&quot;12&quot;';

const QUOTED: readonly (readonly [title: string, sent: Sent, message: string])[] = [
  ['a bearer token', authorized('Bearer opaqueCANARY123'), 'session opaqueCANARY123 expired'],
  ['a short bearer token', authorized('Bearer CANA1'), 'session CANA1 expired'],
  ['a token of another scheme', authorized('Custom opaqueCANARY123'), 'session opaqueCANARY123 expired'],
  ['basic credentials', authorized(`Basic ${base64('bob:CANA pw')}`), 'no bob:CANA pw here'],
  ['the password of basic credentials', authorized(`Basic ${base64('bob:CANA1')}`), 'bad CANA1'],
  ['a cookie, decoded', get('/x', { cookie: 'sid=s%3ACANARYxx.yy' }), 'bad session s:CANARYxx.yy'],
  ['the id of a cookie', get('/x', { cookie: 'sid=s%3ACANARYxx.yy' }), 'bad session CANARYxx.yy'],
  ['a setting', json({ connectionString: 'Server=h;Pwd=CANARYpw1;' }), 'login with CANARYpw1 failed'],
  ['a member of JSON', json({ secret: `{"a":"${CANARY}"}` }), `bad ${CANARY}`],
  ['the password of a pair', json({ credentials: `bob:${CANARY}` }), `bad ${CANARY}`],
  ['a short password of a pair', json({ credentials: 'bob:CANA1' }), 'bad CANA1'],
  ['a percent spelling', json({ password: 'CANARY pw/12' }), 'bad CANARY%20pw%2F12'],
  ['a form spelling', json({ password: 'CANARY pw/12' }), 'bad CANARY+pw%2F12'],
  ['an HTML spelling', json({ password: SPECIAL }), `<p>bad ${ESCAPED}</p>`],
  ['an HTML spelling in numbers', json({ password: 'CANARY<pw>12' }), 'bad CANARY&#60;pw&#x3E;12'],
  ['a base64 spelling', json({ password: LONG }), `bad ${base64(LONG)}`],
  ['a short base64 spelling', json({ password: 'CANARY7' }), `bad ${base64('CANARY7')}`],
  ['base64 of credentials', json({ password: CANARY }), `refused auth/${base64(`ada:${CANARY}`)}`],
  ['folded blanks', json({ password: 'CANARY  pw\t 12' }), 'bad CANARY pw 12'],
  ['more blanks', json({ password: 'CANARYpw 12' }), 'bad CANARYpw \n 12'],
  ['its beginning', json({ password: LONG }), `bad ${LONG.slice(0, 12)}...`],
  ['its end', json({ password: LONG }), `bad ...${LONG.slice(-12)}`],
];

const KEPT: readonly (readonly [title: string, sent: Sent, message: string])[] = [
  [
    'a token that is none',
    authorized('Bearer undefined'),
    "Cannot read properties of undefined (reading 'x')",
  ],
  ['another that is none', authorized('Bearer null'), 'Cannot read properties of null'],
  ['the name of a setting', json({ connectionString: 'Server=h;Password=x1y2z3;' }), 'Password is too short'],
  ['the name of a member', json({ secret: '{"username" : "ada"}' }), 'username is required'],
  ['a scheme', authorized('Bearer opaqueCANARY123'), 'Bearer is not supported'],
  ['a broken escape', json({ password: CANARY }), '100% of &#99999999; &amp; %zz dGVzdHRlc3Q='],
  ['eight letters of a longer secret', json({ password: LONG }), 'a CANARYpw'],
];

describe.each(EXPRESSES)('a message on %s', (_, express) => {
  let subject: Subject;
  let message = '';
  let error: unknown;
  beforeAll(async () => {
    subject = await startSubject({ express, handler: (_req, _res, next) => next(error) });
  });
  afterAll(() => subject.close());

  it.each(QUOTED)('is masked when it quotes a secret by %s', async (_title, sent, quoting) => {
    message = quoting;
    error = Object.assign(new Error(message), { name: `E ${message}`, code: message });
    const event = await subject.record(sent);
    expect(event.error).toEqual({ name: '[REDACTED]', message: '[REDACTED]', code: '[REDACTED]' });
  });

  it.each(KEPT)('is kept when all that it shares with a secret is %s', async (_title, sent, honest) => {
    error = new Error(honest);
    expect((await subject.record(sent)).error?.message).toBe(honest);
  });

  it.each<[string, unknown, string]>([
    ['one long secret', 'a'.repeat(90_000), `${'a'.repeat(11)} `],
    ['many secrets', Array.from({ length: 4_000 }, (_x, i) => `${'a'.repeat(10)}${i}`), 'a'.repeat(9)],
    ['many short secrets', Array.from({ length: 900 }, (_x, i) => `${i + 100}`), '1 '.repeat(9)],
    ['many parts', '=a:b;'.repeat(18_000), 'a:b'],
  ])('is searched in linear time for %s', async (_title, secret, unit) => {
    error = new Error(`${unit}b`.repeat(1_000));
    const started = performance.now();
    const event = await subject.record(json({ secret }));
    expect(performance.now() - started).toBeLessThan(2_000);
    expect(event.postData).toEqual({ secret: '[REDACTED]' });
  });
});
