import { EXPRESSES } from '../support/app';
import { get, json, type Subject, startSubject } from './harness';

const b64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const JWT = `${b64({ alg: 'HS256', typ: 'JWT' })}.${b64({ sub: '1', fake: true })}.c2lnbmF0dXJl`;
const PEM = '-----BEGIN RSA PRIVATE KEY-----\nZmFrZQ==\n-----END RSA PRIVATE KEY-----\n';
const x = (length: number): string => 'Fake0'.repeat(length).slice(0, length);

const SECRETS: readonly (readonly [string, unknown])[] = [
  ['a JWT', JWT],
  ['a JWT without signature', `${JWT.slice(0, JWT.lastIndexOf('.'))}.`],
  ['a JWT with blanks around it', ` ${JWT}\n`],
  ['a JWT whose header has blanks', `${Buffer.from('{ "alg":"none" }').toString('base64url')}.${x(20)}.`],
  ['an encrypted JWT', `${b64({ alg: 'RSA-OAEP' })}.${x(40)}.${x(16)}.${x(40)}.${x(22)}`],
  ['an encrypted JWT without a key', `${b64({ alg: 'dir' })}..${x(16)}.${x(40)}.${x(22)}`],
  ['a bearer token', 'Bearer fake-token'],
  ['a bearer token in lower case', 'bearer   fake'],
  ['basic credentials', `Basic ${Buffer.from('user:fake').toString('base64')}`],
  ['other schemes', `Token ${x(40)}`],
  ['digest credentials', 'Digest username="fake", realm="x"'],
  ['a private key', PEM],
  ['a certificate', PEM.replaceAll('RSA PRIVATE KEY', 'CERTIFICATE')],
  ['a PGP key', '-----BEGIN PGP PRIVATE KEY BLOCK-----\nfake'],
  ['a key of AWS', 'AKIAFAKEFAKEFAKEFAKE'],
  ['a key of Google', `AIza${x(35)}`],
  ['a token of Google', `ya29.${x(30)}`],
  ['a token of GitHub', `ghp_${x(36)}`],
  ['a fine-grained token of GitHub', `github_pat_${x(50)}`],
  ['a token of GitLab', `glpat-${x(20)}`],
  ['a token of Slack', 'xoxb-0000000000-fake'],
  ['a key of Stripe', `sk_live_${x(24)}`],
  ['a secret of webhooks', `whsec_${x(32)}`],
  ['a key of model providers', `sk-${x(40)}`],
  ['a token of npm', `npm_${x(36)}`],
  ['a key of SendGrid', `SG.${x(22)}.${x(43)}`],
  ['a token of Vault', `hvs.${x(24)}`],
  ['a Visa card', '4111111111111111'],
  ['a card with blanks', '4111 1111 1111 1111'],
  ['a card with dashes', '4111-1111-1111-1111'],
  ['a card with 13 digits', '4222222222222'],
  ['a card with 19 digits', '4000000000000000006'],
  ['a Mastercard', '5555555555554444'],
  ['a Mastercard of the second series', '2221000000000009'],
  ['an American Express card', '3782 822463 10005'],
  ['a Diners card', '30569309025904'],
  ['a Discover card', '6011111111111117'],
  ['a JCB card', '3530111333300000'],
  ['a UnionPay card', '6200000000000005'],
  ['a Maestro card', '6759649826438453'],
  ['a card as a number', 4111111111111111],
];

describe.each(EXPRESSES)('a value that is a secret by its looks on %s', (_, express) => {
  let subject: Subject;
  beforeAll(async () => {
    subject = await startSubject({ express });
  });
  afterAll(() => subject.close());

  it.each(SECRETS)('is masked as a whole: %s', async (_title, secret) => {
    const event = await subject.record(
      json({ note: secret, list: [[secret]], text: JSON.stringify([secret]) }),
    );
    expect(event.postData).toEqual({
      note: '[REDACTED]',
      list: [['[REDACTED]']],
      text: '["[REDACTED]"]',
    });
  });

  it.each(SECRETS)('is masked in the query and the path: %s', async (_title, secret) => {
    const spelled = encodeURIComponent(String(secret));
    const event = await subject.record(get(`/x/${spelled}?note=${spelled}&a=1`));
    expect(event.url).toBe(`${subject.url}/x/REDACTED?note=REDACTED&a=1`);
    expect(event.queryParams).toEqual({ note: '[REDACTED]', a: '1' });
  });

  it('keeps a text that a secret is a part of', async () => {
    const body = { note: `the token is ${JWT}`, card: 'no 4111 1111 1111 1111' };
    expect((await subject.record(json(body))).postData).toEqual(body);
  });

  it('masks what stands under a secret key once, as a whole', async () => {
    const body = {
      password: { a: [1, 2], b: { c: 'x' } },
      tokens: ['a', 'b'],
      pin: '',
      otp: 0,
      cookie: null,
    };
    expect((await subject.record(json(body))).postData).toEqual({
      password: '[REDACTED]',
      tokens: '[REDACTED]',
      pin: '[REDACTED]',
      otp: '[REDACTED]',
      cookie: null,
    });
  });

  it('keeps the names of cookies', async () => {
    const event = await subject.record(get('/x', { cookie: `a=1; sid=s%3Afake; empty=; ; bare; ${JWT}=1` }));
    expect(event.headers).toMatchObject({
      cookie: 'a=[REDACTED]; sid=[REDACTED]; empty=; ; [REDACTED]; [REDACTED]=[REDACTED]',
    });
  });
});
