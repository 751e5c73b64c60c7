import { createPublicKey, type JsonWebKey, KeyObject, type webcrypto } from 'node:crypto';
import { AuditOptionError } from '../errors';

/** Signatures by a shared secret, with the bytes that RFC 7518, 3.2 asks of it: as many as the hash has. */
export const SECRET_BYTES = { HS256: 32, HS384: 48, HS512: 64 } as const;

export const PUBLIC_KEY_ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const;

export type JwtSecretAlgorithm = keyof typeof SECRET_BYTES;
export type JwtPublicKeyAlgorithm = (typeof PUBLIC_KEY_ALGORITHMS)[number];
/** A public key: PEM text (SPKI or an X.509 certificate), a JWK, or what Node made of one. */
export type JwtPublicKey = string | JsonWebKey | KeyObject | webcrypto.CryptoKey;

/** A key and what it can verify, the algorithm that is meant where none is named first. */
export interface VerifyingKey {
  readonly key: KeyObject;
  readonly fitting: readonly JwtPublicKeyAlgorithm[];
  readonly byDefault: readonly JwtPublicKeyAlgorithm[];
}

/** Below it, jose refuses to verify (RFC 7518, 3.3). */
const LEAST_RSA_BITS = 2_048;
const PUBLIC = 'Pass the public key: PEM text, a JWK, a KeyObject or a CryptoKey.';
const CURVES: Readonly<Record<string, JwtPublicKeyAlgorithm>> = {
  prime256v1: 'ES256',
  secp384r1: 'ES384',
  secp521r1: 'ES512',
};

/** Never with the value: it may be a secret at the wrong place. */
function wrongKey(reason: string, remedy = PUBLIC): AuditOptionError {
  return new AuditOptionError('AUDIT_INVALID_OPTION', `Option 'key' of jwt() is wrong: ${reason}. ${remedy}`);
}

function isCryptoKey(value: object): value is webcrypto.CryptoKey {
  return Object.prototype.toString.call(value) === '[object CryptoKey]';
}

function refuseSecretParts({ kty, d, use, key_ops: operations }: Readonly<Record<string, unknown>>): void {
  if (kty === 'oct') throw wrongKey('it is a shared secret', "Pass its bytes as 'secret'.");
  if (d !== undefined) throw wrongKey('it is a private key, which verifying has no use for');
  if (use !== undefined && use !== 'sig') throw wrongKey('its use is not to sign');
  if (Array.isArray(operations) && !operations.includes('verify'))
    throw wrongKey('its operations are without verify');
}

function parsed(parse: () => KeyObject, reason: string): KeyObject {
  try {
    return parse();
  } catch {
    throw wrongKey(reason); // Node's message may quote the value
  }
}

function toKeyObject(value: unknown): KeyObject {
  if (typeof value === 'string') {
    // Node would take the public half of it
    if (/^-----BEGIN [A-Z ]*PRIVATE KEY-----/m.test(value))
      throw wrongKey('it is a private key, which verifying has no use for');
    const reason = value.includes('-----BEGIN')
      ? 'it is no PEM text that can be read (are its line breaks real ones?)'
      : 'it is a string that is no PEM text (a shared secret belongs into secret)';
    return parsed(() => createPublicKey(value), reason);
  }
  if (typeof value !== 'object' || value === null) throw wrongKey('it is no key');
  if (value instanceof KeyObject) return value;
  if (isCryptoKey(value)) {
    if (value.type === 'public' && !value.usages.includes('verify'))
      throw wrongKey('its usages are without verify');
    return KeyObject.from(value);
  }
  refuseSecretParts(value as Readonly<Record<string, unknown>>);
  return parsed(
    () => createPublicKey({ key: value as JsonWebKey, format: 'jwk' }),
    'it is no JWK that can be read',
  );
}

function algorithmsOf({ asymmetricKeyType, asymmetricKeyDetails: details }: KeyObject) {
  const bits = details?.modulusLength;
  if (bits !== undefined && bits < LEAST_RSA_BITS)
    throw wrongKey(`it has ${bits} bits, RSA needs ${LEAST_RSA_BITS}`, 'Have a longer one made.');
  const named = (...prefixes: readonly string[]) =>
    PUBLIC_KEY_ALGORITHMS.filter((name) => prefixes.includes(name.slice(0, 2)));
  if (asymmetricKeyType === 'rsa') return { fitting: named('RS', 'PS'), byDefault: ['RS256'] as const };
  if (asymmetricKeyType === 'ed25519') return { fitting: named('Ed'), byDefault: named('Ed') };
  const algorithm = asymmetricKeyType === 'ec' ? CURVES[details?.namedCurve ?? ''] : undefined;
  if (algorithm !== undefined) return { fitting: [algorithm], byDefault: [algorithm] };
  const remedy = 'Known are RSA, P-256, P-384, P-521 and Ed25519.';
  throw wrongKey(`its type ${details?.namedCurve ?? asymmetricKeyType} is not known`, remedy);
}

/** What a JWK or a CryptoKey says of its algorithm, which a KeyObject made of it no longer does. */
function pinnedAlgorithm(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || value instanceof KeyObject) return undefined;
  if (!isCryptoKey(value)) {
    const { alg } = value as Readonly<Record<string, unknown>>;
    return typeof alg === 'string' ? alg : undefined;
  }
  const { name, hash } = value.algorithm as webcrypto.RsaHashedKeyAlgorithm;
  const prefix = name === 'RSA-PSS' ? 'PS' : 'RS';
  return name.startsWith('RS') ? `${prefix}${hash.name.slice('SHA-'.length)}` : undefined;
}

/** @throws {AuditOptionError} for all but a public key that can verify; it never quotes the key */
export function toVerifyingKey(value: unknown): VerifyingKey {
  const key = toKeyObject(value);
  if (key.type === 'secret') throw wrongKey('it is a shared secret', "Pass its bytes as 'secret'.");
  if (key.type === 'private') throw wrongKey('it is a private key, which verifying has no use for');
  const { fitting, byDefault } = algorithmsOf(key);
  const pinned = pinnedAlgorithm(value);
  if (pinned === undefined) return { key, fitting, byDefault };
  const own = fitting.filter((name) => name === pinned);
  if (own.length === 0) throw wrongKey('it is for another algorithm than its type can have');
  return { key, fitting: own, byDefault: own };
}
