import { webcrypto } from 'node:crypto';
import fc from 'fast-check';
import { type Authenticate, type JwtOptions, jwt } from '../../lib/index';
import { errorOf } from './jwt-errors';
import { KEYS, now, SECRET, tokenOf } from './tokens';

const request = {} as Parameters<Authenticate>[1];
const { publicKey, privateKey } = KEYS.RSA;
const jwk = publicKey.export({ format: 'jwk' });
const uri = 'https://issuer.test/keys';

describe('jwt() takes', () => {
  it.each<[string, JwtOptions]>([
    ['a secret of exactly 32 bytes', { secret: 'x'.repeat(32) }],
    ['a secret of 16 letters of two bytes', { secret: 'é'.repeat(16) }],
    ['a key set by https', { jwksUri: uri, algorithms: ['RS256'] }],
    ['a key set as URL', { jwksUri: new URL(uri), algorithms: ['RS256'] }],
    ['a key set of the machine itself, by name', { jwksUri: 'http://localhost:1/', algorithms: ['RS256'] }],
    ['a key set of the machine itself, by IPv6', { jwksUri: 'http://[::1]:1/', algorithms: ['RS256'] }],
    [
      'other options as undefined',
      {
        secret: SECRET,
        algorithms: undefined,
        key: undefined,
        reader: undefined,
        clockToleranceSeconds: undefined,
      } as never,
    ],
  ])('%s', (_what, options) => {
    expect(jwt(options)).toEqual(expect.any(Function));
  });

  it('a CryptoKey, for the algorithm that it was made for', async () => {
    const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-512' };
    const key = await webcrypto.subtle.importKey('jwk', jwk, algorithm, false, ['verify']);
    const authenticate = jwt({ key });
    const signed = (alg: string) => authenticate(tokenOf({ alg, key: privateKey }), request);
    expect(await signed('RS512')).toMatchObject({ id: 'ada' });
    expect(await signed('RS256')).toBeNull();
  });

  it('a secret by value: what becomes of the bytes later changes nothing', async () => {
    const secret = Buffer.from(SECRET);
    const authenticate = jwt({ secret });
    secret.fill(0);
    expect(await authenticate(tokenOf(), request)).toEqual({ id: 'ada', tenants: '*' });
  });
});

describe('the clock of an issuer', () => {
  afterEach(() => jest.useRealTimers());
  const at = now();
  const others = ['setTimeout', 'setInterval', 'setImmediate', 'nextTick', 'queueMicrotask'] as const;

  it.each<[number | undefined, number]>([
    [undefined, 5],
    [0, 0],
    [300, 300],
  ])('may be off where clockToleranceSeconds is %j by %d seconds', async (clockToleranceSeconds, most) => {
    jest.useFakeTimers({ now: at * 1000, doNotFake: [...others] });
    const authenticate = jwt({ secret: SECRET, clockToleranceSeconds });
    const taken = async (claims: object) =>
      (await authenticate(tokenOf({ claims: { exp: at + 600, ...claims } }), request)) !== null;
    expect([await taken({ exp: at - most + 1 }), await taken({ exp: at - most })]).toEqual([true, false]);
    expect([await taken({ nbf: at + most }), await taken({ nbf: at + most + 1 })]).toEqual([true, false]);
  });
});

describe('the reader of a token', () => {
  it('has its subject, email, permissions and tenants, and nothing else of it', async () => {
    const claims = {
      email: 'ada@a.test',
      permissions: ['audit.list'],
      tenants: ['a'],
      fields: 'all',
      admin: true,
    };
    expect(await jwt({ secret: SECRET })(tokenOf({ claims }), request)).toEqual({
      id: 'ada',
      email: 'ada@a.test',
      permissions: ['audit.list'],
      tenants: ['a'],
    });
  });
});

describe('no message of an error', () => {
  it('holds the secret, wherever it was put', () => {
    const secrets = fc.string({ minLength: 32, maxLength: 80, unit: 'grapheme-ascii' });
    const places = [
      'secret',
      'key',
      'jwksUri',
      'algorithms',
      'issuer',
      'audience',
      'clockToleranceSeconds',
      'reader',
    ];
    fc.assert(
      fc.property(
        secrets,
        fc.constantFrom(...places),
        fc.constantFrom(...places),
        fc.boolean(),
        (secret, one, other, listed) => {
          const options = { [one]: listed ? [secret] : secret, [other]: secret, isuer: secret };
          expect(errorOf(options).message).not.toContain(secret);
          const { isuer: _, ...known } = options;
          const last = { clockToleranceSeconds: -1, ...known };
          expect(errorOf(last).message).not.toContain(secret);
        },
      ),
    );
  });

  it('holds a key that cannot be read', () => {
    const body = 'ZmFrZS1zZWNyZXQtb2YtYS1rZXk';
    for (const key of [
      `-----BEGIN PUBLIC KEY-----\n${body}\n-----END PUBLIC KEY-----`,
      { kty: body },
      { kty: 'RSA', n: body },
    ]) {
      expect(errorOf({ key }).message).not.toContain(body);
    }
  });
});
