import { z } from 'zod';
import { canonicalAddress } from '../address';
import { suggest } from '../suggest';
import { BadParameter, type Parameters } from './dialect';
import type { Instant } from './filter';

const LONGEST_QUOTE = 64;
/** More than any API has a use for. */
const MOST_REPEATS = 50;

/** A client's value for a message, cut to a readable length. */
export function quote(value: string): string {
  return JSON.stringify(value.length > LONGEST_QUOTE ? `${value.slice(0, LONGEST_QUOTE)}...` : value);
}

/** Null when the text is no percent-encoded UTF-8. */
function decode(text: string): string | null {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return null;
  }
}

function badParameter(name: string, message: string): BadParameter {
  return new BadParameter(name.slice(0, LONGEST_QUOTE), message);
}

const badEncoding = (name: string, text: string): BadParameter =>
  badParameter(name, `Must be percent-encoded UTF-8. Received ${quote(text)}.`);

function unknownParameter(name: string, value: string, known: readonly string[]): BadParameter {
  const bracket = name.indexOf('[');
  const plain = bracket === -1 ? name : name.slice(0, bracket);
  const near = known.includes(plain) ? plain : suggest(plain, known);
  const reason = bracket === -1 ? 'Unknown parameter' : 'Parameters take no brackets';
  const hint = near === undefined ? '' : ` Did you mean '${near}'?`;
  const allowed = known.length === 0 ? 'Nothing is allowed here' : `Allowed: ${known.join(', ')}`;
  return badParameter(name, `${reason}: ${quote(name)}.${hint} ${allowed}. Received ${quote(value)}.`);
}

function addRepeated(parameters: Map<string, string | string[]>, name: string, value: string): void {
  const values = parameters.get(name);
  if (!Array.isArray(values)) parameters.set(name, [value]);
  else if (values.push(value) > MOST_REPEATS)
    throw badParameter(name, `Must be given at most ${MOST_REPEATS} times. Received it once more.`);
}

/**
 * The parameters of a request target, read from the target itself: an app's own query parser has no say. A name
 * that is unknown, bracketed, or repeated without being `repeatable`, is an error.
 *
 * @throws {BadParameter}
 */
export function readParameters(
  target: string,
  known: readonly string[],
  repeatable: readonly string[] = [],
): Parameters {
  const parameters = new Map<string, string | string[]>();
  const mark = target.indexOf('?');
  if (mark === -1) return parameters;
  for (const pair of target.slice(mark + 1).split('&')) {
    if (pair === '') continue;
    const [rawName = ''] = pair.split('=', 1);
    const rawValue = pair.slice(rawName.length + 1);
    const name = decode(rawName);
    if (name === null) throw badEncoding(rawName, rawName);
    const value = decode(rawValue);
    if (!known.includes(name)) throw unknownParameter(name, value ?? rawValue, known);
    if (value === null) throw badEncoding(name, rawValue);
    const before = parameters.get(name);
    if (repeatable.includes(name)) addRepeated(parameters, name, value);
    else if (before === undefined) parameters.set(name, value);
    else
      throw badParameter(name, `Must be given once. Received ${quote(String(before))} and ${quote(value)}.`);
  }
  return parameters;
}

/**
 * Reads each parameter by its schema; absent ones become what the schema gives for `undefined`.
 *
 * @throws {BadParameter}
 */
export function parseParameters<S extends z.ZodRawShape>(
  shape: S,
  parameters: Parameters,
): z.output<z.ZodObject<S>> {
  const result = z.object(shape).safeParse(Object.fromEntries(parameters));
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const name = String(issue?.path[0] ?? '');
  throw new BadParameter(
    name,
    `${issue?.message ?? 'Not valid.'} Received ${quote(valueAt(parameters.get(name), issue?.path[1]))}.`,
  );
}

/** Of a repeated parameter, the value that is wrong. */
function valueAt(value: string | readonly string[] | undefined, index: unknown): string {
  if (typeof value === 'string' || value === undefined) return value ?? '';
  return typeof index === 'number' ? (value[index] ?? '') : value.join(', ');
}

/** A decimal integer without sign, leading zeros or exponent. */
export function integerParameter(minimum: number, maximum: number) {
  const message = `Must be an integer from ${minimum} to ${maximum}.`;
  return (
    z
      .string()
      .regex(/^(?:0|[1-9]\d{0,15})$/, message)
      // what a document says of it: on the wire it is digits
      .meta({ type: 'integer', minimum, maximum })
      .transform(Number)
      .pipe(z.int(message).min(minimum, message).max(maximum, message))
  );
}

export function textParameter(maximum = 256) {
  const message = `Must be a text of 1 to ${maximum} characters.`;
  return z.string().min(1, message).max(maximum, message);
}

export function enumParameter<const T extends readonly [string, ...string[]]>(values: T) {
  return z.enum(values, {
    error({ input }) {
      const near = suggest(String(input), values);
      return `Must be one of ${values.join(', ')}.${near === undefined ? '' : ` Did you mean '${near}'?`}`;
    },
  });
}

export function booleanParameter() {
  return (
    z
      .string()
      // what a document says of it: on the wire it is a word
      .meta({ type: 'boolean' })
      .transform((text, context): boolean => {
        if (text === 'true' || text === 'false') return text === 'true';
        context.issues.push({ code: 'custom', message: 'Must be true or false.', input: text });
        return z.NEVER;
      })
  );
}

/** An IPv4 or IPv6 address in any spelling; becomes the one that is stored. */
export function addressParameter() {
  return z
    .string()
    .meta({ anyOf: [{ format: 'ipv4' }, { format: 'ipv6' }], examples: ['127.0.0.1', '2001:db8::1'] })
    .transform((text, context): string => {
      const address = canonicalAddress(text);
      if (address !== null) return address;
      context.issues.push({ code: 'custom', message: 'Must be an IPv4 or IPv6 address.', input: text });
      return z.NEVER;
    });
}

const DATE = /^(\d{4})-(\d{2})-(\d{2})$/;
const DATE_TIME = /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(?:\.(\d+))?([Zz]|[+-]\d{2}:\d{2})$/;
const LOST_PLUS = /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(?:\.\d+)? \d{2}:\d{2}$/;
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

function midnight(year: number, month: number, day: number): number | null {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  const isReal =
    date.getUTCFullYear() === year && date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  return isReal ? date.getTime() : null;
}

function offsetMs(zone: string): number | null {
  if (zone === 'Z' || zone === 'z') return 0;
  const hours = Number(zone.slice(1, 3));
  const minutes = Number(zone.slice(4, 6));
  if (hours > 23 || minutes > 59) return null;
  return (zone.startsWith('-') ? -1 : 1) * (hours * 60 + minutes) * MINUTE_MS;
}

/** A leap second ends a month of UTC (RFC 3339, 5.7); it falls together with the first second of the next one. */
function isStartOfMonth(ms: number): boolean {
  return ms % DAY_MS === 0 && new Date(ms).getUTCDate() === 1;
}

/** RFC 3339, 5.6 with all its digits kept, or a date alone: midnight UTC. Null when the text is neither. */
function parseInstant(text: string): Instant | null {
  const [, year, month, day] = DATE.exec(text) ?? [];
  if (year !== undefined) {
    const start = midnight(Number(year), Number(month), Number(day));
    return start === null ? null : { date: new Date(start), hasRemainder: false };
  }
  const match = DATE_TIME.exec(text);
  if (match === null) return null;
  const [, y, m, d, hour, minute, second, fraction = '', zone = ''] = match;
  const start = midnight(Number(y), Number(m), Number(d));
  const offset = offsetMs(zone);
  if (start === null || offset === null || Number(hour) > 23 || Number(minute) > 59) return null;
  const seconds = Number(hour) * 3_600 + Number(minute) * 60 + Number(second);
  const whole = start + seconds * 1_000 - offset;
  if (Number(second) > 59 && !(second === '60' && isStartOfMonth(whole))) return null;
  const ms = whole + Number(fraction.padEnd(3, '0').slice(0, 3));
  return { date: new Date(ms), hasRemainder: /[1-9]/.test(fraction.slice(3)) };
}

const INSTANT = {
  anyOf: [{ format: 'date-time' }, { format: 'date' }],
  description: 'RFC 3339 with Z or an offset; a date alone is midnight UTC.',
  examples: ['2026-01-31T12:00:00Z', '2026-01-31'],
};

export function instantParameter() {
  return z
    .string()
    .meta(INSTANT)
    .transform((text, context): Instant => {
      const instant = parseInstant(text);
      if (instant !== null) return instant;
      const message = LOST_PLUS.test(text)
        ? "The offset's + came as a space: write it as %2B."
        : 'Must be a date-time of RFC 3339 with Z or an offset, like 2026-01-31T12:00:00Z, or a date, like 2026-01-31.';
      context.issues.push({ code: 'custom', message, input: text });
      return z.NEVER;
    });
}
