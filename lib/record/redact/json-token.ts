const BACKSLASH = 92;
/** Of blanks, JSON's own only: whoever reads the text passes those over, and any other would be a token of nothing. */
const BARE_END = /[ \t\r\n,:"{}[\]]/g;
const LITERAL = /^(?:true|false|null|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)$/;

export interface Span {
  readonly start: number;
  readonly end: number;
}

/** What stands between two commas: a string, a literal of JSON, or what is neither. */
export interface Token extends Span {
  readonly kind: 'string' | 'literal' | 'bare';
  readonly value: string;
  /** A string without an end. */
  readonly isCut: boolean;
}

function isEscaped(text: string, at: number): boolean {
  let slashes = 0;
  while (text.charCodeAt(at - 1 - slashes) === BACKSLASH) slashes += 1;
  return slashes % 2 === 1;
}

function unquote(raw: string): string {
  if (!raw.includes('\\')) return raw;
  try {
    return String(JSON.parse(`"${raw}"`));
  } catch {
    return raw.replace(/\\+(["/])?/g, '$1');
  }
}

/** The string that begins at a quote. */
export function readQuoted(text: string, start: number): Token {
  let end = text.indexOf('"', start + 1);
  while (end !== -1 && isEscaped(text, end)) end = text.indexOf('"', end + 1);
  const isCut = end === -1;
  const value = unquote(text.slice(start + 1, isCut ? text.length : end));
  return { kind: 'string', start, end: isCut ? text.length : end + 1, value, isCut };
}

export function readBare(text: string, start: number): Token {
  BARE_END.lastIndex = start;
  const end = BARE_END.exec(text)?.index ?? text.length;
  const value = text.slice(start, end).trim();
  return { kind: LITERAL.test(value) ? 'literal' : 'bare', start, end, value, isCut: false };
}

/** What a JSON text stands for, or the text itself where it is none. */
export function parseOr(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
