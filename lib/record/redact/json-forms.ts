import { types } from 'node:util';
import { redactJson } from './json';
import { NO_PATHS, type PathNode } from './paths';
import { decodeForm, type TextRules } from './text';

/** Deeper than that, JSON in the place of a query counts as a secret: every level reads it in two ways. */
const MOST_LEVELS = 2;
/** Where a parser of forms parts a text. */
const FORM_BREAK = /[&=[\]]+/;

/** Blanks, and what is not seen. */
const UNSEEN = /^[\s\p{Cc}\p{Cf}]+/u;
/** What keeps JSON from being run as a script, the name of a callback, and the fields of an event stream. */
const PREFIX =
  /^(?:\)\]\}'?,?|(?:for ?\(;;\)|while ?\(1\));|(?:\/\*\*\/)?\s{0,8}[\w$.]{1,64}\s{0,8}\(|(?:(?:event|id|retry|data):[^\n]{0,256}\n){0,8}data:)\s*[{["]/;

/** Whether `{`, `[` or `"` begins a text, perhaps behind what readers of JSON pass over. */
export function isJsonStart(text: string): boolean {
  const first = text.charCodeAt(0);
  const start = first > 32 && first < 127 ? text : text.replace(UNSEEN, '');
  const code = start.charCodeAt(0);
  return code === 123 || code === 91 || code === 34 || PREFIX.test(start);
}

/** Whoever parsed the text as a form has a secret of it in pieces, and may quote one of them. */
function withPieces(rules: TextRules): TextRules {
  const noting: TextRules = Object.create(rules);
  noting.censor = (value, path) => {
    if (typeof value === 'string') for (const piece of value.split(FORM_BREAK)) rules.remember(piece);
    return rules.censor(value, path);
  };
  return noting;
}

/** Whether a text that begins as JSON does holds a secret. */
export function isSecretJson(
  json: string,
  rules: TextRules,
  nodes: readonly PathNode[],
  level: number,
): boolean {
  if (level > MOST_LEVELS) return true;
  const redacted = redactJson(json, withPieces(rules), nodes, level);
  return redacted !== undefined && redacted !== json;
}

/**
 * Whether a query or form is a JSON text with a secret, as `curl -d '{...}'` sends one: at its first `=` or `&` a
 * secret would part from its name.
 */
export function isSecretJsonForm(
  text: string,
  rules: TextRules,
  level: number,
  nodes: readonly PathNode[] = NO_PATHS,
): boolean {
  const decoded = decodeForm(text);
  return isJsonStart(decoded) && decoded.includes('"') && isSecretJson(decoded, rules, nodes, level);
}

function isJsonPart(key: string): boolean {
  return isJsonStart(key) && key.includes('"');
}

/** What parsers make: to list the members of a buffer or a Proxy may take for ever. */
function isPlainObject(value: unknown): value is object {
  if (typeof value !== 'object' || value === null || types.isProxy(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/**
 * The text of JSON that a parser of forms made an object of; undefined where it was none. Null where what brackets in
 * it have become stands there, since such parsers drop what follows, names of secrets among it.
 */
export function joinJsonForm(form: unknown): string | null | undefined {
  if (!isPlainObject(form)) return undefined;
  const keys = Object.keys(form);
  const first = keys.find(isJsonPart);
  if (first === undefined) return undefined;
  const pairs: string[] = [];
  // names that are digits come first in every object
  for (const key of new Set([first, ...keys])) {
    const value: unknown = Object.getOwnPropertyDescriptor(form, key)?.value;
    // no parser of forms makes numbers
    if (typeof value !== 'string') return typeof value === 'object' && value !== null ? null : undefined;
    pairs.push(value === '' ? key : `${key}=${value}`);
  }
  return pairs.join('&');
}
