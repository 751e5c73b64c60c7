import { isSecretJsonForm } from './json-forms';
import { redactPairs } from './pairs';
import type { PathNode } from './paths';
import { decodeForm, decodePercent, type TextRules } from './text';

const SCHEME = /^\s*(?:[a-z][a-z0-9+.:-]*:)?\/\//i;
const AUTHORITY = /^[^/?#\s]*/;
/** A port is digits: in `user:p/ss@host` this colon parts a name from a password. */
const NO_PORT = /^[^[\]:]*:\d*[^\d,]/;
/** After a segment that names a secret, plain words are a verb (`/password/reset`), all else a value. */
const VERB = /^(?:[a-z]{1,15}(?:-[a-z]{1,15}){0,3}|v\d{1,3})$/;
const SHORTEST_PART = 3;
/** As much of a long part is enough to find it, and every look at a path takes this long at most. */
const LONGEST_PART = 128;
/** A wildcard parameter may have thousands, each of which would be looked for in all of the path. */
const MOST_PARTS = 32;

export interface UrlOptions {
  readonly level: number;
  /** Where the query's parameters stand among the configured paths. */
  readonly nodes?: readonly PathNode[];
  /** Values of route parameters whose names are secrets. */
  readonly secretParameters?: readonly string[];
}

/** What of the values of secret parameters may stand in a segment: whole, or as a part of it. */
interface SecretParts {
  readonly whole: ReadonlySet<string>;
  /** Null where there are too many to be looked for. */
  readonly inner: readonly string[] | null;
}

function partsOf(secrets: readonly string[]): SecretParts {
  const whole = new Set(secrets.flatMap((secret) => secret.split('/')));
  whole.delete('');
  const inner = new Set<string>();
  for (const part of whole) {
    if (part.length >= SHORTEST_PART) inner.add(part.slice(0, LONGEST_PART));
    if (inner.size > MOST_PARTS) return { whole, inner: null };
  }
  return { whole, inner: [...inner] };
}

function hideAll(path: string, { whole }: SecretParts, rules: TextRules): string {
  for (const part of whole) rules.remember(part);
  return `/${rules.mask(path)}`;
}

function redactPath(path: string, rules: TextRules, { level, secretParameters = [] }: UrlOptions): string {
  const secrets = partsOf(secretParameters);
  const { whole, inner } = secrets;
  if (inner === null && path !== '') return hideAll(path, secrets, rules);
  let afterSecretName = false;
  const redactSegment = (segment: string): string => {
    if (segment === '') return segment;
    const decoded = decodePercent(segment);
    const isValue = afterSecretName && !VERB.test(decoded);
    afterSecretName = !decoded.includes('=') && rules.isSecretName(decoded);
    // a parameter may be one part of its segment: `:name.:token`
    const isParameter = whole.has(decoded) || inner?.some((secret) => decoded.includes(secret)) === true;
    const isPairs = segment.includes('=');
    const isSecret = isPairs
      ? rules.isSecretPart(decoded, level + 1)
      : rules.isHiddenName(decoded, level + 1);
    if (isValue || isParameter || isSecret) {
      if (decoded !== segment) rules.remember(segment);
      return rules.mask(decoded);
    }
    return isPairs ? redactPairs(segment, rules, level) : segment;
  };
  return path.split('/').map(redactSegment).join('/');
}

/** User information, and drivers' settings (`jdbc:sqlserver://host;password=x`). */
function redactAuthority(authority: string, rules: TextRules, level: number): string {
  const at = authority.lastIndexOf('@');
  if (at === -1) return authority.includes('=') ? redactPairs(authority, rules, level) : authority;
  if (authority.includes(';')) return rules.mask(authority);
  const userinfo = authority.slice(0, at);
  rules.remember(userinfo.slice(userinfo.indexOf(':') + 1));
  rules.remember(decodePercent(userinfo.slice(userinfo.indexOf(':') + 1)));
  return rules.mask(userinfo) + authority.slice(at);
}

/** Whether all that may be a secret in a URL is so by the URL alone. */
function isOrdinary({ nodes, secretParameters }: UrlOptions): boolean {
  return (nodes?.length ?? 0) === 0 && (secretParameters?.length ?? 0) === 0;
}

/**
 * A URL or request target without its secrets: user information, path segments that name or look like a
 * secret, and query and fragment parameters.
 */
export function redactUrl(url: string, rules: TextRules, options: UrlOptions): string {
  if (isOrdinary(options) && rules.isPlainUrl(url)) return url;
  let scheme = SCHEME.exec(url)?.[0] ?? '';
  const rest = url.slice(scheme.length);
  let authority = scheme === '' ? '' : (AUTHORITY.exec(rest)?.[0] ?? '');
  if (!authority.includes('@') && NO_PORT.test(authority) && rest.includes('@'))
    return scheme + rules.mask(rest);
  // a path may begin with two slashes
  if (!scheme.includes(':') && !authority.includes('@')) [scheme, authority] = ['', ''];
  const tail = url.slice(scheme.length + authority.length);
  const end = tail.search(/[?#]/);
  const path = end === -1 ? tail : tail.slice(0, end);
  // behind a blank there is prose, which has no segments
  const blank = path.search(/\s/);
  const segments = blank === -1 ? path : path.slice(0, blank);
  const prefix = scheme + redactAuthority(authority, rules, options.level);
  const head = prefix + redactPath(segments, rules, options) + path.slice(segments.length);
  return end === -1 ? head : head + redactQuery(tail.slice(end), rules, options);
}

function redactQuery(text: string, rules: TextRules, { level, nodes }: UrlOptions): string {
  const whole = text.slice(1);
  if (isSecretJsonForm(whole, rules, level, nodes)) return text.charAt(0) + rules.mask(decodeForm(whole));
  const hash = text.indexOf('#');
  const query = hash === -1 ? text.slice(1) : text.slice(1, Math.max(hash, 1));
  const redacted = text.startsWith('?') ? `?${redactPairs(query, rules, level, nodes)}` : '';
  return hash === -1 ? redacted : `${redacted}#${redactPairs(text.slice(hash + 1), rules, level)}`;
}
