import type { KeyRule } from './keys';
import { isSecretValue, SHORTEST_SECRET } from './values';
import { WordSearch } from './word-search';

const ASCII = 128;
const LONGEST_PLAIN = 2_048;
const SCHEMES: readonly string[] = ['https://', 'http://'];
const SLASH = 47;
const QUESTION = 63;
const AMPERSAND = 38;
const EQUALS = 61;
/** Characters that mean themselves wherever they stand, and the few that part a URL as it is read here. */
const READ = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~,:!*/?&=';
const IS_READ = Uint8Array.from({ length: ASCII }, (_, code) =>
  READ.includes(String.fromCharCode(code)) ? 1 : 0,
);

function isRead(code: number): boolean {
  return code < ASCII && IS_READ[code] === 1;
}

/** Where the path begins; -1 where that takes a closer look. */
function pathStart(url: string): number {
  if (url.charCodeAt(0) === SLASH) return 0;
  const scheme = SCHEMES.find((one) => url.startsWith(one));
  if (scheme === undefined) return -1;
  for (let at = scheme.length; at < url.length; at++) {
    const code = url.charCodeAt(at);
    if (code === SLASH || code === QUESTION) return at;
    if (!isRead(code) || code === EQUALS) return -1;
  }
  return url.length;
}

/**
 * Tells the ordinary URLs that cannot hold a secret, which are nearly all, in one look at every character. What it
 * does not know for certain (escapes, fragments, user information, a second `=`) is no plain URL.
 */
export class PlainUrls {
  private readonly hints: WordSearch;

  constructor(private readonly keys: KeyRule) {
    this.hints = keys.hints;
  }

  isPlain(url: string): boolean {
    if (url.length > LONGEST_PLAIN) return false;
    const start = pathStart(url);
    if (start === -1) return false;
    const mark = url.indexOf('?', start);
    if (mark === -1) return this.isPlainPath(url, start, url.length);
    return this.isPlainPath(url, start, mark) && this.isPlainQuery(url, mark + 1);
  }

  private isPlainPath(url: string, from: number, to: number): boolean {
    let start = from;
    let state: number = WordSearch.START;
    for (let at = from; at <= to; at++) {
      const code = at === to ? SLASH : url.charCodeAt(at);
      if (code !== SLASH) {
        if (!isRead(code) || code === EQUALS) return false;
        state = this.hints.step(state, code);
        continue;
      }
      // two slashes may begin a host
      const isDouble = at === start && at > from && at < to;
      if (isDouble || this.isSecret(url, start, at, state)) return false;
      start = at + 1;
      state = WordSearch.START;
    }
    return true;
  }

  private isPlainQuery(url: string, from: number): boolean {
    let start = from;
    let state: number = WordSearch.START;
    let isValue = false;
    for (let at = from; at <= url.length; at++) {
      const code = at === url.length ? AMPERSAND : url.charCodeAt(at);
      if (code !== AMPERSAND && code !== EQUALS) {
        if (!isRead(code) || (code === SLASH && url.charCodeAt(at - 1) === SLASH)) return false;
        state = this.hints.step(state, code);
        continue;
      }
      if ((code === EQUALS && isValue) || this.isSecret(url, start, at, state)) return false;
      isValue = code === EQUALS;
      start = at + 1;
      state = WordSearch.START;
    }
    return true;
  }

  /** Whether a part is a secret, or the name of one: a value that is a name may have its value in another part. */
  private isSecret(url: string, start: number, end: number, state: number): boolean {
    const isNamed = state === this.hints.FOUND;
    if (!isNamed && end - start < SHORTEST_SECRET) return false;
    const part = url.slice(start, end);
    return isSecretValue(part) || (isNamed && this.keys.isSecretName(part));
  }
}
