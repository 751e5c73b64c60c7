/** What in a URL is secret; the mask there has no brackets, so that the URL stays a valid URI. */
export interface UrlRules {
  isSecretKey(key: string): boolean;
  isSecretText(text: string): boolean;
  mask(value: string): string;
}

const MOST_PARAMETERS = 1_000;
const USERINFO = /^([a-z][a-z0-9+.-]*:\/\/)[^/?#]*@/i;
/** After a segment that names a secret, a plain word is a verb (`/password/reset`), all else a value. */
const PLAIN_WORD = /^[a-z]+(?:-[a-z]+)*$/;

function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return text;
  }
}

/** `name=value` pairs of a query, a form or a matrix parameter; order, spelling and separators stay. */
export function redactPairs(text: string, rules: UrlRules): string {
  const parts = text.split(/([&;])/);
  if (parts.length > 2 * MOST_PARAMETERS) return rules.mask(text);
  const redacted = parts.map((part) => {
    const equals = part.indexOf('=');
    if (equals === -1) return part !== '' && rules.isSecretText(decode(part)) ? rules.mask(part) : part;
    const value = part.slice(equals + 1);
    if (value === '') return part;
    const isSecret =
      rules.isSecretKey(decode(part.slice(0, equals)).trim()) || rules.isSecretText(decode(value));
    return isSecret ? part.slice(0, equals + 1) + rules.mask(decode(value)) : part;
  });
  return redacted.join('');
}

function redactPath(path: string, rules: UrlRules, secretSegments: ReadonlySet<string>): string {
  let afterSecretName = false;
  const redactSegment = (segment: string): string => {
    if (segment === '') return segment;
    const decoded = decode(segment);
    const isValue = afterSecretName && !PLAIN_WORD.test(decoded);
    afterSecretName = !decoded.includes('=') && rules.isSecretKey(decoded);
    if (isValue || secretSegments.has(decoded) || rules.isSecretText(decoded)) return rules.mask(decoded);
    return segment.includes('=') ? redactPairs(segment, rules) : segment;
  };
  return path.split('/').map(redactSegment).join('/');
}

/**
 * A URL or request target without its secrets: user information, path segments that name or look like a
 * secret, and query and fragment parameters.
 *
 * @param secretSegments values of route parameters whose names are secrets
 */
export function redactUrl(
  url: string,
  rules: UrlRules,
  secretSegments: ReadonlySet<string> = new Set(),
): string {
  const userinfo = USERINFO.exec(url);
  const bare = userinfo === null ? url : `${userinfo[1]}${rules.mask('')}@${url.slice(userinfo[0].length)}`;
  const scheme = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i.exec(bare)?.[0] ?? '';
  const [, path = '', query, fragment] =
    /^([^?#]*)(?:\?([^#]*))?(?:#([\s\S]*))?$/.exec(bare.slice(scheme.length)) ?? [];
  let redacted = scheme + redactPath(path, rules, secretSegments);
  if (query !== undefined) redacted += `?${redactPairs(query, rules)}`;
  if (fragment !== undefined) redacted += `#${redactPairs(fragment, rules)}`;
  return redacted;
}
