import { AuditOptionError } from '../errors';
import { suggest } from '../suggest';
import { PUBLIC_KEY_ALGORITHMS, SECRET_BYTES, toVerifyingKey } from './jwt-keys';
import type { JwtSettings } from './jwt-options';

type Given = Readonly<Record<string, unknown>>;

const SOURCES = ['secret', 'key', 'jwksUri'] as const;
const KNOWN: readonly string[] = [
  ...SOURCES,
  'algorithms',
  'issuer',
  'audience',
  'clockToleranceSeconds',
  'reader',
];
const SECRET_ALGORITHMS: readonly string[] = Object.keys(SECRET_BYTES);
const CLOCK_TOLERANCE_SECONDS = 5;
const MOST_TOLERANCE_SECONDS = 300;
/** Longer texts are not quoted: no name is, and every secret is. */
const LONGEST_NAME = 24;
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

function wrong(name: string, reason: string): AuditOptionError {
  return new AuditOptionError('AUDIT_INVALID_OPTION', `Option '${name}' of jwt() is wrong: ${reason}`);
}

/** What was received, never its value: it may be a secret at the wrong place. */
function kindOf(value: unknown): string {
  if (value === null || value === undefined) return `${value}`;
  if (value === '') return 'an empty string';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

const quoteName = (name: string) => (name.length <= LONGEST_NAME ? `'${name}'` : 'a long name');

function refuseUnknown(given: Given): void {
  for (const name of Object.keys(given)) {
    if (KNOWN.includes(name)) continue;
    const near = suggest(name, KNOWN);
    const remedy = near === undefined ? `Known options are ${KNOWN.join(', ')}.` : `Did you mean '${near}'?`;
    const message = `Option ${quoteName(name)} of jwt() is not known. ${remedy}`;
    throw new AuditOptionError('AUDIT_UNKNOWN_OPTION', message);
  }
}

function parseSecret(value: unknown): Uint8Array {
  if (typeof value !== 'string' && !(value instanceof Uint8Array))
    throw wrong('secret', `it must be a string or bytes, received ${kindOf(value)}.`);
  const bytes = Buffer.from(value); // a copy: what becomes of the caller's bytes changes nothing
  const text = bytes.toString('latin1');
  // who has a public key, and that is everybody, could sign with it (RFC 8725, 2.1)
  if (text.includes('-----BEGIN') || /^\s*\{[\s\S]*"kty"/.test(text))
    throw wrong('secret', "it is a key in text form, and a public one is no secret. Pass it as 'key'.");
  return bytes;
}

function parseJwksUri(value: unknown): URL {
  const remedy = 'It must be an https URL (http on the machine itself), without user and password.';
  const isGiven = typeof value === 'string' || value instanceof URL;
  if (!isGiven || !URL.canParse(String(value)))
    throw wrong('jwksUri', `${kindOf(value)} is no URL. ${remedy}`);
  const url = new URL(value);
  const isOpen = url.protocol === 'http:' && LOOPBACK.test(url.hostname);
  if (url.protocol !== 'https:' && !isOpen)
    throw wrong('jwksUri', `keys that came by ${quoteName(url.protocol)} could be anybody's. ${remedy}`);
  if (url.username !== '' || url.password !== '')
    throw wrong('jwksUri', `it has a user or a password. ${remedy}`);
  return url;
}

/** What the tokens are verified with, the algorithms that go with it, and those of them that are meant by default. */
function parseSource(given: Given) {
  const [name, ...others] = SOURCES.filter((one) => given[one] !== undefined);
  if (name === undefined) {
    const unset = SOURCES.find((one) => one in given);
    const hint = unset === undefined ? '' : ` '${unset}' is undefined: is an environment variable unset?`;
    throw new AuditOptionError(
      'AUDIT_INVALID_OPTION',
      `jwt() needs one of the options secret, key and jwksUri.${hint}`,
    );
  }
  if (others[0] !== undefined)
    throw wrong(others[0], `it is given beside '${name}'. Give exactly one of them.`);
  if (name === 'secret') {
    return { source: parseSecret(given.secret), fitting: SECRET_ALGORITHMS, byDefault: ['HS256'] };
  }
  if (name === 'jwksUri') {
    return { source: parseJwksUri(given.jwksUri), fitting: PUBLIC_KEY_ALGORITHMS, byDefault: null };
  }
  const { key, fitting, byDefault } = toVerifyingKey(given.key);
  return { source: key, fitting, byDefault };
}

/** Never HMAC with a public key: who verifies by the one must not be made to verify by the other (RFC 8725, 3.1). */
function parseAlgorithms(
  value: unknown,
  fitting: readonly string[],
  byDefault: readonly string[] | null,
): readonly string[] {
  const remedy = `Possible are ${fitting.join(', ')}.`;
  if (value === undefined && byDefault !== null) return byDefault;
  if (!Array.isArray(value) || value.length === 0)
    throw wrong('algorithms', `it must be a list of at least one name, received ${kindOf(value)}. ${remedy}`);
  for (const name of value as readonly unknown[]) {
    if (typeof name === 'string' && fitting.includes(name)) continue;
    const received = typeof name === 'string' ? quoteName(name) : kindOf(name);
    const reason =
      name === 'none' ? 'would accept tokens without a signature' : 'does not go with the key or secret';
    throw wrong('algorithms', `${received} ${reason}. ${remedy}`);
  }
  return [...new Set(value as readonly string[])];
}

function refuseShortSecret(secret: Uint8Array, algorithms: readonly string[]): void {
  for (const [name, bytes] of Object.entries(SECRET_BYTES)) {
    if (!algorithms.includes(name) || secret.byteLength >= bytes) continue;
    const remedy = `Make one with: node -p "crypto.randomBytes(${bytes}).toString('hex')"`;
    throw wrong('secret', `it has ${secret.byteLength} bytes, ${name} needs at least ${bytes}. ${remedy}`);
  }
}

/** Null where it is not checked, which takes leaving the option out: an unset variable must not switch it off. */
function parseNames(given: Given, name: 'issuer' | 'audience'): readonly string[] | null {
  if (!(name in given)) return null;
  const value = given[name];
  const names: readonly unknown[] = Array.isArray(value) ? [...value] : [value];
  if (names.length > 0 && names.every((one) => typeof one === 'string' && one !== ''))
    return names as readonly string[];
  const received = kindOf(
    Array.isArray(value) ? (value.find((one) => typeof one !== 'string') ?? value) : value,
  );
  throw wrong(
    name,
    `it must be a string or a list of strings, none of them empty, received ${received}. Is an environment variable unset? Leave the option out to accept any.`,
  );
}

function parseTolerance(value: unknown = CLOCK_TOLERANCE_SECONDS): number {
  if (typeof value === 'number' && value >= 0 && value <= MOST_TOLERANCE_SECONDS) return value;
  throw wrong(
    'clockToleranceSeconds',
    `it must be a number of seconds from 0 to ${MOST_TOLERANCE_SECONDS}, received ${typeof value === 'number' ? value : kindOf(value)}.`,
  );
}

/**
 * Options with defaults filled in; the caller's object is not touched.
 *
 * @throws {AuditOptionError} naming the option, what is wrong and the remedy, never a secret
 */
export function parseJwtOptions(options: unknown): JwtSettings {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    const message = `Options of jwt() must be an object, received ${kindOf(options)}.`;
    throw new AuditOptionError('AUDIT_INVALID_OPTION', message);
  }
  const given = options as Given;
  refuseUnknown(given);
  const { source, fitting, byDefault } = parseSource(given);
  const algorithms = parseAlgorithms(given.algorithms, fitting, byDefault);
  if (source instanceof Uint8Array) refuseShortSecret(source, algorithms);
  const { reader = null } = given;
  if (reader !== null && typeof reader !== 'function')
    throw wrong('reader', `it must be a function, received ${kindOf(reader)}.`);
  return {
    source,
    algorithms,
    issuer: parseNames(given, 'issuer'),
    audience: parseNames(given, 'audience'),
    clockToleranceSeconds: parseTolerance(given.clockToleranceSeconds),
    reader: reader as JwtSettings['reader'],
  };
}
