import { type JwtOptions, jwt } from '../../lib/index';
import { EXPRESSES } from '../support/app';
import { type JwtTrail, startJwtTrail, TENANTS } from './jwt-trail';
import { jwkOf, KEYS, now, pemOf, SECRET, type TokenParts, tokenOf } from './tokens';

const OTHER_SECRET = SECRET.replace('fake', 'else');
const rsa = KEYS.RSA.publicKey;

describe.each(EXPRESSES)('a router that is asked with JSON Web Tokens on %s', (_, express) => {
  let trail: JwtTrail;
  beforeAll(async () => {
    trail = await startJwtTrail(express);
  });

  describe('takes a token', () => {
    it.each<[string, JwtOptions, TokenParts]>([
      ['signed by the secret', { secret: SECRET }, {}],
      ['signed by a secret given as bytes', { secret: Buffer.from(SECRET) }, {}],
      [
        'of an algorithm that is pinned',
        { secret: SECRET.repeat(2), algorithms: ['HS512'] },
        { alg: 'HS512', key: SECRET.repeat(2) },
      ],
      ['signed by an RSA key', { key: rsa }, { alg: 'RS256', key: KEYS.RSA.privateKey }],
      [
        'signed by an RSA key with PSS',
        { key: rsa, algorithms: ['RS256', 'PS256'] },
        { alg: 'PS256', key: KEYS.RSA.privateKey },
      ],
      [
        'signed by a key of P-256',
        { key: KEYS['P-256'].publicKey },
        { alg: 'ES256', key: KEYS['P-256'].privateKey },
      ],
      [
        'signed by a key of P-384',
        { key: KEYS['P-384'].publicKey },
        { alg: 'ES384', key: KEYS['P-384'].privateKey },
      ],
      [
        'signed by a key of Ed25519',
        { key: KEYS.Ed25519.publicKey },
        { alg: 'EdDSA', key: KEYS.Ed25519.privateKey },
      ],
      [
        'signed by a key of Ed25519, by its newer name',
        { key: KEYS.Ed25519.publicKey },
        { alg: 'Ed25519', key: KEYS.Ed25519.privateKey },
      ],
      [
        'whose key is given as PEM text',
        { key: pemOf(KEYS.RSA.privateKey) },
        { alg: 'RS256', key: KEYS.RSA.privateKey },
      ],
      ['whose key is given as JWK', { key: jwkOf(rsa) }, { alg: 'RS256', key: KEYS.RSA.privateKey }],
      [
        'of the algorithm that a JWK names',
        { key: jwkOf(rsa, { alg: 'PS512' }) },
        { alg: 'PS512', key: KEYS.RSA.privateKey },
      ],
      [
        'of one of the issuers',
        { secret: SECRET, issuer: ['https://a.test', 'https://b.test'] },
        { claims: { iss: 'https://b.test' } },
      ],
      ['for the audience', { secret: SECRET, audience: 'audit' }, { claims: { aud: 'audit' } }],
      [
        'for several audiences, this one among them',
        { secret: SECRET, audience: ['audit', 'x'] },
        { claims: { aud: ['shop', 'audit'] } },
      ],
      [
        'that expired less than the tolerance ago',
        { secret: SECRET, clockToleranceSeconds: 300 },
        { claims: { exp: now() - 60 } },
      ],
      [
        'that begins within the tolerance',
        { secret: SECRET, clockToleranceSeconds: 300 },
        { claims: { nbf: now() + 30 } },
      ],
      ['that never expires', { secret: SECRET }, { claims: { exp: undefined } }],
      ['without an email', { secret: SECRET }, { claims: { email: null } }],
      ['that began', { secret: SECRET, clockToleranceSeconds: 0 }, { claims: { nbf: now() - 1 } }],
      [
        "with claims of the issuer's own",
        { secret: SECRET },
        { claims: { 'https://a.test/plan': { $ne: 1 } } },
      ],
    ])('%s', async (_what, options, parts) => {
      trail.use(jwt(options));
      await trail.expectCount(tokenOf(parts), TENANTS.length);
    });
  });

  describe('answers 401, without saying why, to a token', () => {
    const secret = { secret: SECRET };
    const rs256 = { alg: 'RS256', key: KEYS.RSA.privateKey };
    it.each<[string, JwtOptions, TokenParts | string]>([
      ['that is none', secret, 'fake'],
      ['that is three times nothing', secret, '..'],
      ['of five parts', secret, 'a.b.c.d.e'],
      ['signed by another secret', secret, { key: OTHER_SECRET }],
      ['whose signature was cut', secret, tokenOf().slice(0, -4)],
      [
        'whose claims were changed',
        secret,
        tokenOf().replace(/\..*\./, `.${tokenOf({ claims: { sub: 'eve' } }).split('.')[1]}.`),
      ],
      ['without a signature', secret, { alg: 'none', key: null }],
      ['without a signature, in other capitals', secret, { alg: 'NONE', key: null }],
      ['without a signature, for a public key', { key: rsa }, { alg: 'none', key: null }],
      ['without an algorithm', secret, { header: { alg: undefined } }],
      ['whose secret is the public key', { key: rsa }, { alg: 'HS256', key: pemOf(KEYS.RSA.privateKey) }],
      ['of an algorithm that is not pinned', { key: rsa, algorithms: ['PS256'] }, rs256],
      ['of another algorithm than the JWK names', { key: jwkOf(rsa, { alg: 'PS256' }) }, rs256],
      [
        'signed by a key that it brings',
        { key: KEYS['P-256'].publicKey },
        { alg: 'ES256', key: KEYS['P-384'].privateKey, header: { jwk: jwkOf(KEYS['P-384'].publicKey) } },
      ],
      ['with a critical extension that is not known', secret, { header: { crit: ['x'], x: 1 } }],
      ['that expired', secret, { claims: { exp: now() - 60 } }],
      [
        'that expired at this moment, without tolerance',
        { ...secret, clockToleranceSeconds: 0 },
        { claims: { exp: now() } },
      ],
      ['whose expiry is text', secret, { claims: { exp: String(now() + 60) } }],
      ['whose expiry is null', secret, { claims: { exp: null } }],
      ['that begins later', secret, { claims: { nbf: now() + 600 } }],
      ['of another issuer', { ...secret, issuer: 'https://a.test' }, { claims: { iss: 'https://b.test' } }],
      [
        'of an issuer that begins alike',
        { ...secret, issuer: 'https://a.test' },
        { claims: { iss: 'https://a.test.evil' } },
      ],
      ['without an issuer', { ...secret, issuer: 'https://a.test' }, {}],
      ['for another audience', { ...secret, audience: 'audit' }, { claims: { aud: ['shop', 'auditor'] } }],
      ['without an audience', { ...secret, audience: 'audit' }, {}],
    ])('%s', async (_what, options, parts) => {
      trail.use(jwt(options));
      await trail.expectRefused(typeof parts === 'string' ? parts : tokenOf(parts));
    });
  });
});
