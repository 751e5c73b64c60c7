/** RFC 7519 compact form: a header that begins with `{"`, base64url. */
const JWT = /^eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]*){0,2}$/;
/** Credentials as RFC 9110, 11.4 writes them; a plan called "Basic plan" is none. */
const SCHEMES: readonly RegExp[] = [
  /^Bearer +\S+$/i,
  /^(?:Token|ApiKey|Negotiate) +[A-Za-z0-9._~+/=-]{16,}$/i,
  /^(?:Digest|AWS4-HMAC-SHA256|Signature) +\w+=/i,
];
const BASIC = /^Basic +([A-Za-z0-9+/_-]{4,}={0,2})$/i;
const PEM = /^-----BEGIN [A-Z0-9 ]{2,40}-----/;
const KEYS: readonly RegExp[] = [
  /^(?:AKIA|ASIA|AGPA|AIDA|AROA|ANPA)[A-Z0-9]{16}$/, // AWS access key ids
  /^AIza[A-Za-z0-9_-]{35}$/, // Google API
  /^ya29\.[A-Za-z0-9_-]{20,}$/, // Google OAuth
  /^gh[pousr]_[A-Za-z0-9]{30,}$/, // GitHub
  /^github_pat_[A-Za-z0-9_]{30,}$/,
  /^glpat-[A-Za-z0-9_-]{20,}$/, // GitLab
  /^xox[abeoprs]-[A-Za-z0-9-]{10,}$/, // Slack
  /^(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{16,}$/, // Stripe
  /^whsec_[A-Za-z0-9+/=]{16,}$/,
  /^sk-[A-Za-z0-9_-]{20,}$/, // model providers
  /^npm_[A-Za-z0-9]{36}$/,
  /^SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}$/, // SendGrid
  /^AGE-SECRET-KEY-1[A-Z0-9]{50,}$/,
];
const CARD = /^\d(?:[ -]?\d){12,18}$/;
/** Visa, Mastercard, American Express, Diners, Discover, JCB, UnionPay, Maestro. */
const ISSUER = /^(?:4|5[0-8]|2[2-7]|3[04-9]|6)/;
const LONGEST_CARD = 40;
const SHORTEST_SECRET = 8;
const LONGEST_TRIMMED = 65_536;

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
function isCredentials(text: string): boolean {
  const basic = BASIC.exec(text)?.[1];
  if (basic !== undefined) return Buffer.from(basic, 'base64').includes(58);
  return SCHEMES.some((pattern) => pattern.test(text));
}

/** Whether a whole value is a secret by its looks, whatever its key. Every pattern is anchored and linear. */
export function isSecretValue(text: string): boolean {
  if (text.length < SHORTEST_SECRET) return false;
  if (text.length > LONGEST_TRIMMED) return PEM.test(text);
  const value = text.trim();
  const first = value.charCodeAt(0);
  if (first >= 48 && first <= 57) return isCardNumber(value);
  return (
    JWT.test(value) || PEM.test(value) || isCredentials(value) || KEYS.some((pattern) => pattern.test(value))
  );
}

/** The same for numbers: a card number may come unquoted. */
export function isSecretNumber(value: number): boolean {
  return value >= 1e12 && value < 1e19 && Number.isInteger(value) && isCardNumber(String(value));
}
