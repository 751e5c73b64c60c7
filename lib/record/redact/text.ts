import type { Json } from '../../event';
import type { PathNode } from './paths';

/**
 * What the parts of the redaction of texts ask of one another. `level` counts how deep a text was found in
 * others, so that nesting stays bounded.
 */
export interface TextRules {
  isSecretName(name: string): boolean;
  /** Whether a name is itself a secret, or holds one. */
  isHiddenName(name: string, level: number): boolean;
  /** Whether a whole text is a secret, or holds one. */
  isSecretText(text: string, level: number): boolean;
  /** The same for a value of a form that was not encoded: it cannot be a form again. */
  isSecretPart(text: string, level: number): boolean;
  /** The text with the secrets masked that it holds as whole values; null when it must be hidden as a whole. */
  scan(text: string, nodes: readonly PathNode[], level: number): string | null;
  /** Whether a URL is seen at one look to hold no secret. */
  isPlainUrl(url: string): boolean;
  /** What stands in the place of a value. @throws what the user's censor throws */
  censor(value: unknown, path: readonly string[]): Json;
  /** The mask inside of a URL or form, where brackets would need escapes. */
  mask(value: string): string;
  /** Notes a secret that was masked with something around it. */
  remember(value: unknown): void;
}

const PERCENT_RUN = /(?:%[0-9a-f]{2})+/gi;
const REPLACEMENT = '\ufffd';

function decodeRun(run: string): string {
  if (run.length > 3) return Buffer.from(run.replaceAll('%', ''), 'hex').toString();
  const code = Number.parseInt(run.slice(1), 16);
  return code < 128 ? String.fromCharCode(code) : REPLACEMENT;
}

/**
 * Percent-decoding that never fails: what is no escape stays. It is what `decodeURIComponent` does, whose errors
 * would cost more than all else where a client writes thousands of broken parts.
 */
export function decodePercent(text: string): string {
  return text.includes('%') ? text.replace(PERCENT_RUN, decodeRun) : text;
}

/** The same in a query or form, where a plus is a space. */
export function decodeForm(text: string): string {
  return decodePercent(text.includes('+') ? text.replaceAll('+', ' ') : text);
}
