import { isName } from './keys';
import { NamedParameters } from './named-parameters';
import { hidesName, NO_PATHS, type PathNode } from './paths';
import { decodeForm, type TextRules } from './text';

const SEPARATOR = /[&;\r\n]/g;
const AMPERSAND = 38;
const SHORTEST_PART = 3;
/** Of a name as it is encoded: nine characters for one, at most. */
const LONGEST_ENCODED_NAME = 1_152;

/** What the pairs of one text have in common. */
interface Pairs {
  readonly rules: TextRules;
  readonly nodes: readonly PathNode[];
  readonly level: number;
  /** Null where no name of a secret stands in a value. */
  readonly named: NamedParameters | null;
}

/** What stands between two separators. */
interface Part {
  readonly text: string;
  readonly start: number;
  /** Lines and lists in prose have blanks before their equals signs, forms and settings have none. */
  readonly isTight: boolean;
}

function endOfPart(text: string, from: number): number {
  SEPARATOR.lastIndex = from;
  return SEPARATOR.test(text) ? SEPARATOR.lastIndex - 1 : text.length;
}

function partAt(text: string, start: number): Part {
  const end = endOfPart(text, start);
  const isTight = start > 0 && text.charCodeAt(start - 1) !== AMPERSAND;
  return { text: text.slice(start, end), start, isTight };
}

/** The first `=` whose name is fit: `next=token=x` has two names. -1 when there is none. */
function findEquals({ text, isTight }: Part, isFit: (name: string, equals: number) => boolean): number {
  let from = 0;
  for (let equals = text.indexOf('='); equals !== -1; equals = text.indexOf('=', from)) {
    const raw = text.slice(from, equals);
    const isProse = isTight && /\s/.test(raw.trim());
    if (!isProse && isFit(raw, equals)) return equals;
    from = equals + 1;
  }
  return -1;
}

const nameOf = (raw: string): string => decodeForm(raw).trim();

/**
 * A value that may be a name, to a separator or the end of the text; an empty text where it is too long for one, so
 * that no more than a name's length is ever compared.
 */
function nameIn(text: string, start: number, end: number): string {
  if (end - start > LONGEST_ENCODED_NAME) return '';
  const name = decodeForm(text.slice(start, end));
  return isName(name) ? name : '';
}

/**
 * Nearly always false: a look at the values alone, before anything is made of the names. Of a part with several
 * equals signs, what stands behind the first and the last may be a name: `a=name=password`, `name=password=`.
 */
function holdsSecretName(text: string, rules: TextRules): boolean {
  let first = text.indexOf('=');
  if (first === text.lastIndexOf('=')) return false;
  while (first !== -1) {
    const end = endOfPart(text, first);
    const inner = text.lastIndexOf('=', end - 1);
    if (rules.isSecretName(nameIn(text, first + 1, end))) return true;
    if (inner !== first && rules.isSecretName(nameIn(text, inner + 1, end))) return true;
    first = text.indexOf('=', end);
  }
  return false;
}

function readNamed(text: string, rules: TextRules): NamedParameters | null {
  if (!holdsSecretName(text, rules)) return null;
  const named = new NamedParameters((name) => rules.isSecretName(name));
  for (let start = 0; start <= text.length; ) {
    const part = partAt(text, start);
    const end = start + part.text.length;
    const first = part.text.indexOf('=');
    const last = part.text.lastIndexOf('=');
    findEquals(part, (raw, equals) => {
      const isEdge = equals === first || equals === last;
      named.add(nameOf(raw), isEdge ? nameIn(text, start + equals + 1, end) : '', start);
      return false;
    });
    start = end + 1;
  }
  return named;
}

function maskAfter(part: string, equals: number, rules: TextRules): string {
  const raw = part.slice(equals + 1);
  if (raw === '') return part;
  const value = decodeForm(raw);
  if (value !== raw) rules.remember(raw);
  return part.slice(0, equals + 1) + rules.mask(value);
}

function isSecretPairValue(raw: string, rules: TextRules, level: number): boolean {
  if (raw.length < SHORTEST_PART) return false;
  const value = decodeForm(raw);
  return value === raw ? rules.isSecretPart(raw, level) : rules.isSecretText(value, level);
}

function redactPair(part: Part, { rules, nodes, level, named }: Pairs): string {
  const { text } = part;
  const equals = text.indexOf('=');
  const first = decodeForm(equals === -1 ? text : text.slice(0, equals));
  if (rules.isHiddenName(first, level + 1)) return rules.mask(decodeForm(text));
  if (equals === -1) return text;
  if (isSecretPairValue(text.slice(equals + 1), rules, level + 1)) return maskAfter(text, equals, rules);
  const secret = findEquals(part, (raw) => {
    const name = nameOf(raw);
    return rules.isSecretName(name) || hidesName(nodes, name) || named?.isValue(name, part.start) === true;
  });
  return secret === -1 ? text : maskAfter(text, secret, rules);
}

/** `name=value` pairs of a query, a form or a matrix parameter; order, spelling and separators stay. */
export function redactPairs(
  text: string,
  rules: TextRules,
  level: number,
  nodes: readonly PathNode[] = NO_PATHS,
): string {
  const pairs = { rules, nodes, level, named: readNamed(text, rules) };
  let redacted = '';
  for (let start = 0; start <= text.length; ) {
    const part = partAt(text, start);
    const end = start + part.text.length;
    redacted += (part.text === '' ? '' : redactPair(part, pairs)) + text.charAt(end);
    start = end + 1;
  }
  return redacted;
}
