import type { EventError, Json } from '../event';

/** What is asked of the redaction of the event. */
export interface QuoteCheck {
  isSecretKey(key: string): boolean;
  /** Notes a secret that the event itself does not hold. */
  remember(value: unknown): void;
  quotesSecret(text: string): boolean;
}

const MASK = '[REDACTED]';
const LONGEST_MESSAGE = 1_024;
/** Longer than what is stored, so that a secret which the cut would split is seen whole. */
const LONGEST_SEARCHED = 8_192;
const LONGEST_NAME = 128;
const MOST_PROBLEMS = 100;
/** These quote what they could not read: a text that nobody has redacted. */
const QUOTING_NAMES: ReadonlySet<unknown> = new Set(['SyntaxError', 'URIError']);

function field(error: object, name: string): unknown {
  try {
    return (error as Record<string, unknown>)[name];
  } catch {
    return undefined;
  }
}

function codeOf(error: object): string | null {
  const code = field(error, 'code') ?? field(error, 'type');
  return typeof code === 'string' || typeof code === 'number' ? String(code) : null;
}

/** A parser's message quotes the text that it could not parse: a body that nobody has redacted. */
function quotesBody(error: object): boolean {
  const type = field(error, 'type');
  return QUOTING_NAMES.has(field(error, 'name')) || (typeof type === 'string' && type.startsWith('entity.'));
}

function membersOf(value: unknown): [string, unknown][] {
  return typeof value === 'object' && value !== null ? Object.entries(value).slice(0, MOST_PROBLEMS) : [];
}

/** Validation errors of mongoose and duplicates of MongoDB name the path and the value that they quote. */
function learnValues(error: object, secrets: QuoteCheck, isNested = false): void {
  const path = field(error, 'path');
  if (typeof path === 'string' && secrets.isSecretKey(path)) secrets.remember(field(error, 'value'));
  for (const [key, value] of membersOf(field(error, 'keyValue'))) {
    if (secrets.isSecretKey(key)) secrets.remember(value);
  }
  if (isNested) return;
  for (const [, problem] of membersOf(field(error, 'errors'))) {
    if (typeof problem === 'object' && problem !== null) learnValues(problem, secrets, true);
  }
}

function visible(text: string, longest: number, secrets: QuoteCheck): string {
  return secrets.quotesSecret(text.slice(0, LONGEST_SEARCHED)) ? MASK : text.slice(0, longest);
}

/** Name, message and code of whatever was thrown; a message that quotes a secret or a body is left out. */
export function toEventError(
  error: unknown,
  secrets: QuoteCheck,
): EventError & { readonly [key: string]: Json } {
  if (typeof error !== 'object' || error === null) {
    return { name: typeof error, message: visible(String(error), LONGEST_MESSAGE, secrets), code: null };
  }
  learnValues(error, secrets);
  const name = field(error, 'name');
  const message = field(error, 'message');
  const text = typeof message === 'string' ? message : '';
  const code = codeOf(error);
  return {
    name: typeof name === 'string' ? visible(name, LONGEST_NAME, secrets) : 'Error',
    message: quotesBody(error) && text !== '' ? MASK : visible(text, LONGEST_MESSAGE, secrets),
    code: code === null ? null : visible(code, LONGEST_NAME, secrets),
  };
}
