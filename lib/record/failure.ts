import type { EventError, Json } from '../event';

/** What is asked of the redaction of the event. */
export interface QuoteCheck {
  quotesSecret(text: string): boolean;
}

const LONGEST_MESSAGE = 1_024;
const LONGEST_NAME = 128;

function field(error: object, name: string): unknown {
  try {
    return (error as Record<string, unknown>)[name];
  } catch {
    return undefined;
  }
}

function codeOf(error: object): string | null {
  const code = field(error, 'code') ?? field(error, 'type');
  return typeof code === 'string' || typeof code === 'number' ? String(code).slice(0, LONGEST_NAME) : null;
}

/** A parser's message quotes the text that it could not parse: a body that nobody has redacted. */
function quotesBody(error: object): boolean {
  const type = field(error, 'type');
  return field(error, 'name') === 'SyntaxError' || (typeof type === 'string' && type.startsWith('entity.'));
}

/** Name, message and code of whatever was thrown; a message that quotes a secret or a body is left out. */
export function toEventError(
  error: unknown,
  secrets: QuoteCheck,
): EventError & { readonly [key: string]: Json } {
  if (typeof error !== 'object' || error === null) {
    const text = String(error).slice(0, LONGEST_MESSAGE);
    return { name: typeof error, message: secrets.quotesSecret(text) ? '[REDACTED]' : text, code: null };
  }
  const name = field(error, 'name');
  const message = field(error, 'message');
  const text = typeof message === 'string' ? message.slice(0, LONGEST_MESSAGE) : '';
  const isHidden = quotesBody(error) || secrets.quotesSecret(text);
  return {
    name: typeof name === 'string' ? name.slice(0, LONGEST_NAME) : 'Error',
    message: isHidden && text !== '' ? '[REDACTED]' : text,
    code: codeOf(error),
  };
}
