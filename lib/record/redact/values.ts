const BASE64URL = '[A-Za-z0-9_-]';
/** RFC 7519 and 7516 in compact form: a header that begins with `{"`, or with `{` and white space, base64url. */
const JWT = new RegExp(
  `^e(?:yJ|yA|wo|w0K)${BASE64URL}{5,}\\.(?:${BASE64URL}{5,}\\.${BASE64URL}*(?:\\.${BASE64URL}*){0,2}|\\.${BASE64URL}{5,}\\.${BASE64URL}+\\.${BASE64URL}+)$`,
);
const CUT_JWT = new RegExp(`^e(?:yJ|yA|wo|w0K)${BASE64URL}{5,}(?:\\.${BASE64URL}*){0,4}$`);
/** Credentials as RFC 9110, 11.4 writes them; a plan called "Basic plan" is none. */
const BASIC = /^Basic +([A-Za-z0-9+/_-]{4,}={0,2})$/i;
const BEARER = /^Bearer +\S+$/i;
const TOKEN = /^(?:Token|ApiKey|Negotiate) +[A-Za-z0-9._~+/=-]{16,}$/i;
const PARAMETERS = /^(?:Digest|AWS4-HMAC-SHA256|Signature) +\w+=/i;
const PEM = /^-----BEGIN [A-Z0-9 ]{2,40}-----/;

/** What a secret value may look like, by its first letter: most values are told to be none by that alone. */
const LOOKS: Readonly<Record<string, readonly RegExp[]>> = {
  '-': [PEM],
  a: [
    /^A(?:KIA|SIA|GPA|IDA|ROA|NPA)[A-Z0-9]{16}$/, // AWS access key ids
    /^AIza[A-Za-z0-9_-]{35}$/, // Google API
    /^AGE-SECRET-KEY-1[A-Z0-9]{50,}$/,
    TOKEN,
    PARAMETERS,
  ],
  b: [BEARER],
  d: [/^(?:dop_v1|dckr_pat)_[A-Za-z0-9_-]{20,}$/, PARAMETERS], // DigitalOcean, Docker
  e: [JWT],
  g: [
    /^gh[pousr]_[A-Za-z0-9]{30,}$/, // GitHub
    /^github_pat_[A-Za-z0-9_]{30,}$/,
    /^glpat-[A-Za-z0-9_-]{20,}$/, // GitLab
    /^GOCSPX-[A-Za-z0-9_-]{20,}$/, // Google OAuth client
  ],
  h: [/^hf_[A-Za-z0-9]{30,}$/, /^hvs\.[A-Za-z0-9_-]{20,}$/], // Hugging Face, Vault
  n: [/^npm_[A-Za-z0-9]{36}$/, TOKEN],
  p: [/^pk_(?:live|test)_[A-Za-z0-9]{16,}$/, /^pypi-[A-Za-z0-9_-]{50,}$/],
  r: [/^rk_(?:live|test)_[A-Za-z0-9]{16,}$/],
  s: [
    /^sk_(?:live|test)_[A-Za-z0-9]{16,}$/, // Stripe
    /^sk-[A-Za-z0-9_-]{20,}$/, // model providers
    /^SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}$/, // SendGrid
    /^shp(?:at|ca|pa|ss)_[A-Fa-f0-9]{32}$/, // Shopify
    PARAMETERS,
  ],
  t: [TOKEN],
  w: [/^whsec_[A-Za-z0-9+/=]{16,}$/],
  x: [/^xox[abeoprs]-[A-Za-z0-9-]{10,}$/], // Slack
  y: [/^ya29\.[A-Za-z0-9_-]{20,}$/], // Google OAuth
};
const LOOKS_BY_CODE: readonly (readonly RegExp[] | undefined)[] = Array.from(
  { length: 128 },
  (_, code) => LOOKS[String.fromCharCode(code).toLowerCase()],
);

const CARD = /^\d(?:[ -]?\d){12,18}$/;
/** Visa, Mastercard, American Express, Diners, Discover, JCB, UnionPay, Maestro. */
const ISSUER = /^(?:4|5[0-8]|2[2-7]|3[04-9]|6)/;
const LONGEST_CARD = 40;
export const SHORTEST_SECRET = 8;

/** ISO/IEC 7812-1, annex B. */
function passesLuhn(digits: string): boolean {
  let sum = 0;
  for (let i = 0; i < digits.length; i++) {
    const digit = digits.charCodeAt(digits.length - 1 - i) - 48;
    const doubled = i % 2 === 0 ? digit : digit * 2;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}

function isCardNumber(text: string): boolean {
  if (text.length > LONGEST_CARD || !CARD.test(text)) return false;
  const digits = text.replace(/[ -]/g, '');
  return ISSUER.test(digits) && passesLuhn(digits);
}

/** RFC 7617: what follows `Basic` decodes to `user:password`. */
function isBasic(text: string): boolean {
  const credentials = BASIC.exec(text)?.[1];
  return credentials !== undefined && Buffer.from(credentials, 'base64').includes(58);
}

function isBlank(code: number): boolean {
  return code <= 32 || code === 160 || code === 0xfeff;
}

/** Whether a whole value is a secret by its looks, whatever its key. Every pattern is anchored and linear. */
export function isSecretValue(text: string): boolean {
  if (text.length < SHORTEST_SECRET) return false;
  const isPadded = isBlank(text.charCodeAt(0)) || isBlank(text.charCodeAt(text.length - 1));
  const value = isPadded ? text.trim() : text;
  const first = value.charCodeAt(0);
  if (first >= 48 && first <= 57) return isCardNumber(value);
  const looks = LOOKS_BY_CODE[first];
  return looks?.some((pattern) => pattern.test(value)) || ((first | 32) === 98 && isBasic(value));
}

/** Whether a text that was cut is the beginning of a secret which is told by its end. */
export function isSecretStart(text: string): boolean {
  return CUT_JWT.test(text);
}

/** The same for numbers: a card number may come unquoted. */
export function isSecretNumber(value: number | bigint): boolean {
  return value >= 1e12 && value < 1e19 && isCardNumber(String(value));
}
