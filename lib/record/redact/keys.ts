/** Parts of a key that make it a secret wherever they stand, compared without case and separators. */
const PARTS: readonly string[] = [
  'password',
  'passwd',
  'passphrase',
  'passcode',
  'pwd',
  'secret',
  'apikey',
  'accesskey',
  'accesstoken',
  'privatekey',
  'signingkey',
  'encryptionkey',
  'subscriptionkey',
  'credential',
  'authorization',
  'cookie',
  'sessionid',
  'sessionkey',
  'jsessionid',
  'phpsessid',
  'connectsid',
  'cardnumber',
  'creditcard',
  'securitycode',
  'clientcert',
  'connectionstring',
  'amzsignature',
];

/** Words too short to be searched inside of others: `author` is no `auth`, `footprint` no `pin`. */
const WORDS: ReadonlySet<string> = new Set([
  'auth',
  'pass',
  'pin',
  'sid',
  'iban',
  'pan',
  'ssn',
  'otp',
  'totp',
  'cvv',
  'cvc',
  'csrf',
  'xsrf',
  'token',
  'jwt',
  'bearer',
  'sig',
]);

/** Characters that are not seen: they would hide a word from the comparison. */
const INVISIBLE = /\p{Cf}|\u034F|\u115F|\u1160|\u17B4|\u17B5|[\u180B-\u180F]|\u3164|[\uFE00-\uFE0F]|\uFFA0/gu;
const PLAIN = /^[\x20-\x7E]*$/;
const SEPARATORS = /[-_. ]/g;
/** A run of capitals, a capitalised or a lower-case word: `userAPIKey` gives user, API, Key. */
const WORD = /\p{Lu}+(?!\p{Ll})|\p{Lu}?\p{Ll}+/gu;

const CACHED_KEYS = 2_000;
const LONGEST_CACHED_KEY = 128;
/** A longer key is no name that a program would use; it is taken for a secret rather than searched. */
const LONGEST_KEY = 8_192;

function isSecretWord(word: string): boolean {
  const lower = word.toLowerCase();
  return WORDS.has(lower) || (lower.endsWith('s') && WORDS.has(lower.slice(0, -1)));
}

/**
 * Tells the names of secrets: as a whole by substring and word by word, after NFKC and without invisible
 * characters. Clients choose the keys, so the cache is bounded.
 */
export function createKeyRule(more: readonly string[] = []): (key: string) => boolean {
  const squash = (text: string): string => text.toLowerCase().replace(SEPARATORS, '');
  const parts = [...PARTS, ...more.map(squash)];
  const cache = new Map<string, boolean>();

  function judge(key: string): boolean {
    if (key.length > LONGEST_KEY) return true;
    const plain = PLAIN.test(key) ? key : key.normalize('NFKC').replace(INVISIBLE, '');
    const whole = squash(plain);
    return parts.some((part) => whole.includes(part)) || (plain.match(WORD)?.some(isSecretWord) ?? false);
  }

  return function isSecretKey(key) {
    const cached = cache.get(key);
    if (cached !== undefined) return cached;
    const verdict = judge(key);
    if (key.length <= LONGEST_CACHED_KEY) {
      if (cache.size >= CACHED_KEYS) cache.clear();
      cache.set(key, verdict);
    }
    return verdict;
  };
}
