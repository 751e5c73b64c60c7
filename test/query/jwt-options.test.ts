import { createSecretKey, generateKeyPairSync } from 'node:crypto';
import { errorOf } from './jwt-errors';
import { KEYS, pemOf, SECRET } from './tokens';

const { publicKey, privateKey } = KEYS.RSA;
const jwk = publicKey.export({ format: 'jwk' });
const privatePem = privateKey.export({ format: 'pem', type: 'pkcs8' });
const small = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey;
const x25519 = generateKeyPairSync('x25519').publicKey;
const uri = 'https://issuer.test/keys';

describe('jwt() refuses', () => {
  it.each<[string, unknown, string, string]>([
    ['no options', undefined, 'Options of jwt()', 'must be an object'],
    ['a secret alone', SECRET, 'Options of jwt()', 'received a string'],
    ['no way to verify', {}, 'jwt()', 'one of the options secret, key and jwksUri'],
    ['a secret that is not set', { secret: undefined }, "'secret'", 'environment variable unset'],
    ['two ways to verify', { secret: SECRET, key: jwk }, "'key'", 'exactly one'],
    ['a key set beside a key', { key: jwk, jwksUri: uri }, "'jwksUri'", 'exactly one'],
    ['an empty secret', { secret: '' }, "'secret'", 'has 0 bytes'],
    ['a secret of 31 bytes', { secret: 'x'.repeat(31) }, "'secret'", 'HS256 needs at least 32'],
    [
      'a secret too short for one algorithm',
      { secret: SECRET, algorithms: ['HS256', 'HS512'] },
      "'secret'",
      'HS512 needs at least 64',
    ],
    ['a secret that is a number', { secret: 7 }, "'secret'", 'received a number'],
    ['a secret that is null', { secret: null }, "'secret'", 'received null'],
    ['a public key as secret', { secret: pemOf(privateKey) }, "'secret'", "Pass it as 'key'"],
    [
      'a public key as bytes of a secret',
      { secret: Buffer.from(pemOf(privateKey)) },
      "'secret'",
      "Pass it as 'key'",
    ],
    ['a JWK as secret', { secret: JSON.stringify(jwk) }, "'secret'", "Pass it as 'key'"],
    ['a secret as key', { key: SECRET }, "'key'", 'no PEM text'],
    ['a KeyObject of a secret', { key: createSecretKey(SECRET, 'utf8') }, "'key'", "as 'secret'"],
    ['a key that is a number', { key: 7 }, "'key'", 'no key'],
    ['a JWK of a secret', { key: { kty: 'oct', k: 'ZmFrZQ' } }, "'key'", "as 'secret'"],
    ['a private key', { key: privateKey }, "'key'", 'Pass the public key'],
    ['a private key as PEM text', { key: privatePem }, "'key'", 'Pass the public key'],
    ['a private key as JWK', { key: privateKey.export({ format: 'jwk' }) }, "'key'", 'Pass the public key'],
    [
      'a key whose line breaks are none',
      { key: pemOf(privateKey).replaceAll('\n', '\\n') },
      "'key'",
      'line breaks',
    ],
    ['a JWK that is none', { key: { kty: 'RSA' } }, "'key'", 'no JWK'],
    ['a JWK to encrypt', { key: { ...jwk, use: 'enc' } }, "'key'", 'not to sign'],
    ['a JWK of other operations', { key: { ...jwk, key_ops: ['encrypt'] } }, "'key'", 'without verify'],
    [
      'a JWK of an algorithm that is not its own',
      { key: { ...jwk, alg: 'ES256' } },
      "'key'",
      'another algorithm',
    ],
    ['an RSA key of 1024 bits', { key: small }, "'key'", 'has 1024 bits, RSA needs 2048'],
    ['a key that cannot sign', { key: x25519 }, "'key'", 'x25519 is not known'],
    [
      'no signature for a secret',
      { secret: SECRET, algorithms: ['HS256', 'none'] },
      "'algorithms'",
      "'none' would accept tokens without",
    ],
    ['no signature for a key', { key: jwk, algorithms: ['none'] }, "'algorithms'", 'Possible are RS256'],
    [
      'an algorithm of public keys with a secret',
      { secret: SECRET, algorithms: ['RS256'] },
      "'algorithms'",
      'Possible are HS256',
    ],
    [
      'an algorithm of secrets with a key',
      { key: jwk, algorithms: ['RS256', 'HS256'] },
      "'algorithms'",
      "'HS256' does not go",
    ],
    [
      'an algorithm of secrets with a key set',
      { jwksUri: uri, algorithms: ['HS256'] },
      "'algorithms'",
      "'HS256' does not go",
    ],
    [
      'an algorithm of another type of key',
      { key: jwk, algorithms: ['ES256'] },
      "'algorithms'",
      "'ES256' does not go",
    ],
    ['no algorithm', { secret: SECRET, algorithms: [] }, "'algorithms'", 'received an empty list'],
    ['one algorithm as text', { secret: SECRET, algorithms: 'HS256' }, "'algorithms'", 'received a string'],
    ['a key set without algorithms', { jwksUri: uri }, "'algorithms'", 'Possible are RS256'],
    [
      'a key set by http',
      { jwksUri: 'http://issuer.test/keys', algorithms: ['RS256'] },
      "'jwksUri'",
      'https',
    ],
    [
      'a key set by http from what begins as the machine',
      { jwksUri: 'http://127.0.0.1.evil.test/', algorithms: ['RS256'] },
      "'jwksUri'",
      'https',
    ],
    ['a key set in a file', { jwksUri: 'file:///keys', algorithms: ['RS256'] }, "'jwksUri'", "'file:'"],
    [
      'a key set with a password',
      { jwksUri: 'https://u:fake@issuer.test/', algorithms: ['RS256'] },
      "'jwksUri'",
      'password',
    ],
    ['a key set at no URL', { jwksUri: 'keys', algorithms: ['RS256'] }, "'jwksUri'", 'no URL'],
    [
      'an issuer that is not set',
      { secret: SECRET, issuer: undefined },
      "'issuer'",
      'environment variable unset',
    ],
    ['an empty issuer', { secret: SECRET, issuer: '' }, "'issuer'", 'an empty string'],
    [
      'an audience that is not set',
      { secret: SECRET, audience: undefined },
      "'audience'",
      'Leave the option out',
    ],
    ['no audience', { secret: SECRET, audience: [] }, "'audience'", 'an empty list'],
    [
      'an empty audience among others',
      { secret: SECRET, audience: ['x', ''] },
      "'audience'",
      'none of them empty',
    ],
    ['an audience that is none', { secret: SECRET, audience: [7] }, "'audience'", 'a number'],
    [
      'a negative tolerance',
      { secret: SECRET, clockToleranceSeconds: -1 },
      "'clockToleranceSeconds'",
      'received -1',
    ],
    [
      'a tolerance of an hour',
      { secret: SECRET, clockToleranceSeconds: 3600 },
      "'clockToleranceSeconds'",
      'from 0 to 300',
    ],
    [
      'a tolerance that is no number',
      { secret: SECRET, clockToleranceSeconds: Number.NaN },
      "'clockToleranceSeconds'",
      'received NaN',
    ],
    [
      'a tolerance as text',
      { secret: SECRET, clockToleranceSeconds: '5s' },
      "'clockToleranceSeconds'",
      'a string',
    ],
    ['a reader that is no function', { secret: SECRET, reader: {} }, "'reader'", 'must be a function'],
  ])('%s', (_what, options, subject, remedy) => {
    const { code, message } = errorOf(options);
    expect(code).toBe('AUDIT_INVALID_OPTION');
    expect(message).toContain(subject);
    expect(message).toContain(remedy);
  });

  it.each([
    ['isuer', "Did you mean 'issuer'?"],
    ['Audience', "Did you mean 'audience'?"],
    ['algorithm', "Did you mean 'algorithms'?"],
    ['jwksURL', "Did you mean 'jwksUri'?"],
    ['nothingLikeIt', 'Known options are secret, key, jwksUri,'],
  ])('the unknown option %s', (name, remedy) => {
    const { code, message } = errorOf({ secret: SECRET, [name]: 'x' });
    expect(code).toBe('AUDIT_UNKNOWN_OPTION');
    expect(message).toContain(`'${name}'`);
    expect(message).toContain(remedy);
  });
});
