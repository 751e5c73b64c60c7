import { types } from 'node:util';

/**
 * MongoDB's documents cannot hold every string that JSON can: a NUL in a key, a lone surrogate, the key
 * `_bsontype`, and `$ref` (which beside `$id` turns into a reference) are lost or change their meaning; the driver
 * reads a list under a key that every object inherits (`toString`, `constructor`, `__proto__`) as bytes.
 * Those are written as a mark and four hex digits, and so is the mark itself, so that every JSON value comes
 * back equal. The rule holds for every string of a stored event, and for every value it is compared with.
 */
const MARK = '\u241B';
const IN_VALUE = /[\u241B\uD800-\uDFFF]/;
const IN_KEY = /[\u241B\0\uD800-\uDFFF]/;
const ESCAPED_UNITS = /\u241B|[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g;
const ESCAPED_UNITS_IN_KEY =
  /\u241B|\0|[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g;
const ESCAPE_SEQUENCE = /\u241B([0-9a-f]{4})/g;

const LOST_KEYS: ReadonlySet<string> = new Set([
  '_bsontype',
  '$ref',
  ...Object.getOwnPropertyNames(Object.prototype),
]);

function escapeUnit(unit: string): string {
  return MARK + unit.charCodeAt(0).toString(16).padStart(4, '0');
}

/** A string value as it is stored. */
export function escapeText(text: string): string {
  return IN_VALUE.test(text) ? text.replace(ESCAPED_UNITS, escapeUnit) : text;
}

/** A key as it is stored. */
export function escapeKey(key: string): string {
  if (LOST_KEYS.has(key)) return escapeUnit(key) + key.slice(1);
  return IN_KEY.test(key) ? key.replace(ESCAPED_UNITS_IN_KEY, escapeUnit) : key;
}

/** The inverse of `escapeText` and of `escapeKey`. */
export function unescapeText(text: string): string {
  if (!text.includes(MARK)) return text;
  return text.replace(ESCAPE_SEQUENCE, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** Sets an own property even where the key is `__proto__`, which plain assignment would swallow. */
export function setOwn(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__') {
    Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true });
  } else {
    target[key] = value;
  }
}

/** Every string and key of a stored tree, unescaped. The tree is the store's own: it is shallow enough to recurse. */
export function unescapeTree(value: unknown): unknown {
  if (typeof value === 'string') return unescapeText(value);
  if (Array.isArray(value)) return value.map(unescapeTree);
  if (value === null || typeof value !== 'object' || types.isDate(value)) return value;
  const copy: Record<string, unknown> = {};
  for (const key of Object.keys(value)) {
    setOwn(copy, unescapeText(key), unescapeTree((value as Record<string, unknown>)[key]));
  }
  return copy;
}
