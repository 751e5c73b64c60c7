import { decodePercent } from './text';

const BASIC = /^\s*Basic\s+([A-Za-z0-9+/_-]+={0,2})\s*$/i;
/** `Bearer x`, and what stands behind the scheme. */
const AFTER_SCHEME = /^\s*[a-z][\w-]*\s+(\S+)\s*$/i;
/** Where forms, settings, JSON and credentials are parted. */
const PIECE = /[^\s"',;=&:{}]+/g;
/** A piece before one of these, and something, is a name. */
const AFTER_NAME = /^["']?\s*(?:=[^=]|:\s*\S)/;
const LONGEST_AFTER_NAME = 8;
const SHORTEST_PIECE = 8;
/** What broken clients send in place of a secret, and what honest messages say. */
const NO_SECRETS: ReadonlySet<string> = new Set(['undefined', 'null', 'true', 'false', '[object Object]']);

/** What a message may quote of one secret. */
export interface Quotable {
  /** Whole ones: their beginning tells them. */
  readonly values: string[];
  /** Parts without structure, of which any stretch tells them. */
  readonly pieces: string[];
}

function addPieces(text: string, pieces: string[]): void {
  for (const match of text.matchAll(PIECE)) {
    const [piece] = match;
    const end = match.index + piece.length;
    const isName = AFTER_NAME.test(text.slice(end, end + LONGEST_AFTER_NAME));
    if (piece.length >= SHORTEST_PIECE && !isName && !NO_SECRETS.has(piece)) pieces.push(piece);
  }
}

function addSpelling(text: string, { values, pieces }: Quotable): void {
  const whole = text.trim();
  const password = whole.slice(whole.indexOf(':') + 1);
  const credentials = AFTER_SCHEME.exec(whole)?.[1];
  for (const value of new Set([whole, password, credentials ?? whole]))
    if (!NO_SECRETS.has(value)) values.push(value);
  addPieces(whole, pieces);
}

/** Adds a secret as it was sent, decoded, and what of it is a secret by itself: a token, a password. */
export function addQuotable(secret: string, quotable: Quotable): void {
  addSpelling(secret, quotable);
  const decoded = decodePercent(secret);
  if (decoded !== secret) addSpelling(decoded, quotable);
  const basic = BASIC.exec(secret)?.[1];
  if (basic !== undefined) addSpelling(Buffer.from(basic, 'base64').toString(), quotable);
}

const ENTITY = /&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|(amp|lt|gt|quot|apos|nbsp));/gi;
const NAMED: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: ' ',
};
const LAST_CODE_POINT = 0x10ffff;
const BASE64 = /[A-Za-z0-9+/_-]{8,}/g;
/** In front of what was encoded may stand letters that are none of it, like a slash. */
const SHIFTS = [0, 1, 2, 3] as const;

function decodeEntities(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(ENTITY, (entity: string, decimal?: string, hex?: string, name?: string) => {
    if (name !== undefined) return NAMED[name.toLowerCase()] ?? entity;
    const code = decimal === undefined ? Number.parseInt(hex ?? '', 16) : Number(decimal);
    return code <= LAST_CODE_POINT ? String.fromCodePoint(code) : entity;
  });
}

/** All that a text says: as it is, decoded, and what its base64 holds. */
export function readingsOf(text: string): string[] {
  const readings = [text];
  const decoded = decodeEntities(decodePercent(text));
  if (decoded !== text) readings.push(decoded);
  for (const [word] of decoded.matchAll(BASE64))
    for (const shift of SHIFTS) readings.push(Buffer.from(word.slice(shift), 'base64').toString());
  return readings;
}
