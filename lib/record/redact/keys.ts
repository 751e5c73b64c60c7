import { WordSearch } from './word-search';

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
  'accountkey',
  'accesstoken',
  'privatekey',
  'signingkey',
  'encryptionkey',
  'masterkey',
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
  'googsignature',
  'authentication',
  'socialsecurity',
  'passwort',
  'pswd',
  'authkey',
  'authcode',
  'xfunctionskey',
  'mnemonic',
];

/** Words too short to be searched inside of others: `author` is no `auth`, `footprint` no `pin`. */
const WORDS: ReadonlySet<string> = new Set([
  'auth',
  'oauth',
  'pass',
  'pw',
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
  'sessid',
  'cardno',
]);

/** `dbpass` and `refreshtokens`, but nothing that passes by. */
const SECRET_END = /(?:token|pass|passkey)s?$/;
const HARMLESS_END = /(?:comp|byp|tresp|surp|underp|overp)ass(?:key)?s?$/;
/** At the end only: a `cardNote` is none. */
const LAST_PART = 'cardno';

/** Characters that are not seen, control characters among them: they would hide a word from the comparison. */
const INVISIBLE =
  /[\p{Cf}\p{Cc}\p{Cs}]|\u034F|[\u115F\u1160]|\u17B4|\u17B5|[\u180B-\u180F]|\u3164|[\uFE00-\uFE0F]|\uFFA0/gu;
const PLAIN = /^[\x20-\x7E]*$/;
const SEPARATORS = /[-_.\s\p{Pd}]/gu;
const PLAIN_SEPARATORS = /[-_. ]/g;
/** A run of capitals, a capitalised or a lower-case word: `userAPIKey` gives user, API, Key. */
const WORD = /\p{Lu}+(?!\p{Ll})|\p{Lu}?\p{Ll}+/gu;
const PLAIN_WORD = /[A-Z]+(?![a-z])|[A-Z]?[a-z]+/g;

const CACHED_KEYS = 2_000;
const LONGEST_CACHED_KEY = 128;
/** A longer key is no name that a program would use; it is taken for a secret rather than searched. */
const LONGEST_KEY = 8_192;

function isSecretWord(word: string): boolean {
  const lower = word.toLowerCase();
  if (WORDS.has(lower) || (lower.endsWith('s') && WORDS.has(lower.slice(0, -1)))) return true;
  return SECRET_END.test(lower) && !HARMLESS_END.test(lower);
}

function visible(key: string): string {
  return key.normalize('NFKC').replace(INVISIBLE, '');
}

function squash(key: string): string {
  return PLAIN.test(key)
    ? key.toLowerCase().replace(PLAIN_SEPARATORS, '')
    : visible(key).toLowerCase().replace(SEPARATORS, '');
}

function wordsOf(key: string): readonly string[] {
  return (PLAIN.test(key) ? key.match(PLAIN_WORD) : visible(key).match(WORD)) ?? [];
}

function anyOf(parts: readonly string[]): RegExp {
  return new RegExp(parts.map((part) => part.replace(/[$()*+?[\\\]^{|}/]/g, '\\$&')).join('|'), 'u');
}

/** What a key says of its value: a secret, perhaps the value of a name beside it, or neither. */
export type KeyRole = 'secret' | 'value' | 'other';

/**
 * Tells the names of secrets: as a whole by substring and word by word, after NFKC and without invisible
 * characters.
 */
export class KeyRule {
  private readonly cache = new Map<string, KeyRole>();
  private readonly parts: RegExp;
  /** Parts and words alike: most keys have none of them anywhere. */
  readonly hints: WordSearch;
  /** The same for keys beyond ASCII. */
  private readonly rareHints: RegExp;

  constructor(more: readonly string[] = []) {
    const parts = [...PARTS, ...more.map(squash).filter((part) => part !== '')];
    this.parts = anyOf(parts);
    this.hints = new WordSearch([...parts, ...WORDS]);
    this.rareHints = anyOf([...parts, ...WORDS]);
  }

  /** For keys of objects. Clients choose them, so the cache is bounded. */
  roleOf(key: string): KeyRole {
    const cached = this.cache.get(key);
    if (cached !== undefined) return cached;
    const plain = isValueKey(key) || isFlatKey(key) ? 'value' : 'other';
    const role = this.judge(key) ? 'secret' : plain;
    if (key.length <= LONGEST_CACHED_KEY) {
      if (this.cache.size >= CACHED_KEYS) this.cache.clear();
      this.cache.set(key, role);
    }
    return role;
  }

  isSecretKey(key: string): boolean {
    return this.roleOf(key) === 'secret';
  }

  /** For names out of texts, which are not remembered: a slice would keep the whole text in memory. */
  isSecretName(name: string): boolean {
    const cached = this.cache.get(name);
    return cached === undefined ? this.judge(name) : cached === 'secret';
  }

  private judge(key: string): boolean {
    if (key.length > LONGEST_KEY) return true;
    const isPlain = PLAIN.test(key);
    if (isPlain && !this.hints.isIn(key)) return false;
    const whole = squash(key);
    if (!isPlain && !this.rareHints.test(whole)) return false;
    if (WORDS.has(whole) || whole.endsWith(LAST_PART)) return true;
    return this.parts.test(whole) || wordsOf(key).some(isSecretWord);
  }
}

const NAMES: ReadonlySet<string> = new Set(
  'name key field header param parameter prop property attribute attr label id type path pointer k n'.split(
    ' ',
  ),
);
const NAME_END = /(?:name|key)$/i;
const VALUES: ReadonlySet<string> = new Set(
  'value values val v data content text raw default old new from to before after lhs rhs'.split(' '),
);
const VALUE_ENDS = /^value|value$/i;
const LONGEST_ROLE = 24;

/** Whether what stands under this key may be the name of the value beside it. */
export function isNameKey(key: string): boolean {
  return key.length <= LONGEST_ROLE && (NAMES.has(key.toLowerCase()) || NAME_END.test(key));
}

/** Whether what stands under this key may be the value of which a name stands beside it. */
export function isValueKey(key: string): boolean {
  return key.length <= LONGEST_ROLE && (VALUES.has(key.toLowerCase()) || VALUE_ENDS.test(key));
}

const CLOSING_BRACKET = 93;

/** A key as simple parsers of forms leave it: `a[0][name]`, `fields[0].name`. */
export function isFlatKey(key: string): boolean {
  return key.charCodeAt(key.length - 1) === CLOSING_BRACKET || key.includes('.');
}

const PAIR_NAME = /^\S{1,64}(?: \S{1,32})?$/;
const LONGEST_NAME = 128;

/** Whether a text is short enough for a name: prose that mentions a password names no value. */
export function isName(text: string): boolean {
  return text.length <= LONGEST_NAME;
}

/** The same for the first of two items, which need not be a pair at all. */
export function isPairName(text: string): boolean {
  return PAIR_NAME.test(text);
}
