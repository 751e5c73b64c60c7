import type { Request, Response } from 'express';
import type { Connection } from 'mongoose';
import { z } from 'zod';
import {
  DURABILITY_NAMES,
  type Durability,
  durabilityShape,
  missingDirectory,
  type SpoolOptions,
  type StrictOptions,
} from './durability';
import { AuditOptionError } from './errors';
import { escapeText } from './escape';
import type { Action } from './event';
import type { EventName } from './names';
import { suggest } from './suggest';

/** Who did it. Ids become strings; anything but a string in `email` and `name` is stored as null. */
export interface UserInput {
  readonly id?: unknown;
  readonly email?: unknown;
  readonly name?: unknown;
  readonly type?: string;
}

/** `true` records the section, `false` leaves it out, a list records only these top-level keys. */
export type Capture = boolean | readonly string[];

export interface CaptureOptions {
  /** Post data. @default true */
  readonly body?: Capture;
  /** Request headers. @default true */
  readonly headers?: Capture;
  /** Query parameters; when not `true`, the recorded url carries the allowed ones only. @default true */
  readonly query?: Capture;
}

/** What stands in the place of a secret. A function that throws masks the whole section. */
export type Censor = string | ((value: unknown, path: readonly string[]) => unknown);

export interface RedactOptions {
  /** More names of secrets, compared like the built-in ones: as a part of the key, whatever its case and separators. @default [] */
  readonly keys?: readonly string[];
  /** Paths in pino's syntax, from a section of the event on: `postData.user.ssn`, `headers["x-session"]`, `content.*.iban`. @default [] */
  readonly paths?: readonly string[];
  /** @default '[REDACTED]' */
  readonly censor?: Censor;
  /** Key of an HMAC-SHA-256 (at least 16 characters): equal secrets get equal masks, their values stay hidden. @default none */
  readonly hmacKey?: string;
}

export interface LimitOptions {
  /** Levels of nesting in one section. @default 32 @maximum 100 */
  readonly maxDepth?: number;
  /** Values in one section. @default 2000 @maximum 50000 */
  readonly maxNodes?: number;
  /** Bytes of one string, UTF-8. @default 8192 (8 KiB) @maximum 1048576 (1 MiB) */
  readonly maxStringBytes?: number;
  /** Bytes of one event. @default 65536 (64 KiB) @maximum 4194304 (4 MiB) */
  readonly maxEventBytes?: number;
  /** Events that wait for MongoDB. @default 10000 @maximum 1000000 */
  readonly maxQueueEvents?: number;
  /** Memory of the events that wait for MongoDB, in bytes. @default 33554432 (32 MiB) @maximum 1073741824 (1 GiB) */
  readonly maxQueueBytes?: number;
}

export interface AuditOptions {
  /** A URI, for a connection of the audit's own, or a mongoose connection of yours (`mongoose.connection`). MongoDB may be down at start. */
  readonly mongo: string | Connection;
  /** Collection of the events; another name prefixes the other collections too (`x_counters`, `x_quarantine`, `x_contenttypes`). @default 'auditevents' */
  readonly collection?: string;
  /** Name of the application or log, on every event. @default null */
  readonly source?: string;
  /** Who sent the request; read when the headers leave and again at the end, the later non-null value wins. @default (req) => req.user */
  readonly user?: (req: Request) => UserInput | string | number | null | undefined;
  /** Whose data the request is about. A reader sees the events of its own tenants only. @default (req) => null */
  readonly tenant?: (req: Request) => string | null | undefined;
  /** Your own dimensions: names with strings or numbers. @default (req) => ({}) */
  readonly labels?: (req: Request) => Readonly<Record<string, string | number>> | null | undefined;
  /** The app's own verb for the request (`UserInvited`). @default (req) => `${method} ${route}` */
  readonly name?: (req: Request) => EventName | null | undefined;
  /** @default by method: POST create, PUT and PATCH update, DELETE delete, others access */
  readonly action?: (req: Request) => Action | null | undefined;
  /** True leaves the request out of the trail; asked when the status is known, and before an intent is written. @default () => false */
  readonly skip?: (req: Request, res: Response) => boolean;
  /** True writes an event of status `intent` before the request is handled, without waiting for it; its outcome follows under the same `commitId`. Asked on arrival, or where `audit.intent()` is mounted. @default () => false */
  readonly intent?: (req: Request) => boolean;
  readonly capture?: CaptureOptions;
  readonly redact?: RedactOptions;
  /** Records passwords, tokens and cookies as they were sent. @default false */
  readonly dangerouslyRecordSecrets?: boolean;
  readonly limits?: LimitOptions;
  /** What may be lost, and when. @default 'memory' */
  readonly durability?: Durability;
  /** Files of the levels `spool` and `strict`. */
  readonly spool?: SpoolOptions;
  /** Of the level `strict`. */
  readonly strict?: StrictOptions;
  /** Sends the event's uuid in the response header `X-Audit-Id`. @default true */
  readonly header?: boolean;
  /** Creates the indexes at start, in the background; failure is reported and not fatal. @default true */
  readonly ensureIndexes?: boolean;
  /** Longest time an event waits for its batch while MongoDB is up, in milliseconds. @default 200 @maximum 60000 */
  readonly flushIntervalMs?: number;
  /** Longest time one query of an audit API may take in MongoDB, in milliseconds; then 504. @default 30000 (30 seconds) */
  readonly maxTimeMS?: number;
  /** Records who read the trail, by what filter, and how many rows: on the request's own event, or as one of kind `event` where no middleware is in front. @default true */
  readonly auditReads?: boolean;
  /** Told of every trouble. @default one line on stderr, at most once a minute for each code */
  readonly onError?: (error: Error) => void;
  /** Told that events could not be kept, and why. @default one line on stderr, at most once a minute */
  readonly onDrop?: (reason: string, count: number) => void;
}

const integer = (maximum: number, fallback: number, minimum = 1) => {
  const rule = `must be an integer from ${minimum} to ${maximum}`;
  return z.int(rule).min(minimum, rule).max(maximum, rule).default(fallback);
};
const text = (rule: string, minimum: number, maximum = Number.POSITIVE_INFINITY) =>
  z.string(rule).min(minimum, rule).max(maximum, rule);
const flag = (fallback: boolean) => z.boolean('must be true or false').default(fallback);
const group = <T extends z.ZodRawShape>(shape: T) => z.strictObject(shape, 'must be an object');
const callback = <T extends (...args: never[]) => unknown>() =>
  z.custom<T>((value) => typeof value === 'function', 'must be a function');
const capture = z
  .union([z.boolean(), z.array(z.string().min(1)).readonly()], 'must be true, false or a list of keys')
  .default(true);

/** A connection is known by what is used of it: instances of several mongoose copies may meet in one process. */
function isConnection(value: unknown): value is Connection {
  return typeof value === 'object' && value !== null && 'getClient' in value && 'readyState' in value;
}

const SECTIONS = [
  'postData',
  'queryParams',
  'headers',
  'content',
  'before',
  'after',
  'labels',
  'error',
] as const;
const PATH = new RegExp(
  `^(${SECTIONS.join('|')})((\\.([^.[\\]"]+))|(\\[\\*\\])|(\\["[^"]+"\\])|(\\['[^']+'\\])|(\\[\\d+\\]))+$`,
);

const COLLECTION_RULE =
  'must be a collection name: a letter or _, then letters, digits, _ . - (100 characters at most)';
const PATHS_RULE = `must start with one of ${SECTIONS.join(', ')}, like postData.user.ssn or headers["x-session"]`;

const optionsSchema = group({
  mongo: z.union(
    [
      z
        .string()
        .regex(/^mongodb(\+srv)?:\/\//, 'must be a URI that begins with mongodb:// or mongodb+srv://'),
      z.custom<Connection>(isConnection),
    ],
    'must be a URI that begins with mongodb:// or mongodb+srv://, or a mongoose connection such as mongoose.connection',
  ),
  collection: z
    .string(COLLECTION_RULE)
    .regex(/^[A-Za-z_][A-Za-z0-9_.-]{0,99}$/, COLLECTION_RULE)
    .default('auditevents'),
  source: text('must be a string of 1 to 128 characters', 1, 128)
    .transform(escapeText)
    .nullable()
    .default(null),
  user: callback<NonNullable<AuditOptions['user']>>().default(
    () => (req: Request) => (req as { user?: UserInput }).user,
  ),
  tenant: callback<NonNullable<AuditOptions['tenant']>>().nullable().default(null),
  labels: callback<NonNullable<AuditOptions['labels']>>().nullable().default(null),
  name: callback<NonNullable<AuditOptions['name']>>().nullable().default(null),
  action: callback<NonNullable<AuditOptions['action']>>().nullable().default(null),
  skip: callback<NonNullable<AuditOptions['skip']>>().nullable().default(null),
  intent: callback<NonNullable<AuditOptions['intent']>>().nullable().default(null),
  capture: group({ body: capture, headers: capture, query: capture }).prefault({}),
  redact: group({
    keys: z.array(text('must be a name of at least 2 characters', 2), 'must be a list of names').default([]),
    paths: z.array(z.string(PATHS_RULE).regex(PATH, PATHS_RULE), 'must be a list of paths').default([]),
    censor: z
      .union([z.string(), callback<Exclude<Censor, string>>()], 'must be a string or a function')
      .default('[REDACTED]'),
    hmacKey: text('must be a string of at least 16 characters', 16).nullable().default(null),
  }).prefault({}),
  dangerouslyRecordSecrets: flag(false),
  limits: group({
    maxDepth: integer(100, 32),
    maxNodes: integer(50_000, 2_000),
    maxStringBytes: integer(1_048_576, 8_192, 64),
    maxEventBytes: integer(4_194_304, 65_536, 16_384),
    maxQueueEvents: integer(1_000_000, 10_000),
    maxQueueBytes: integer(1_073_741_824, 33_554_432, 65_536),
  }).prefault({}),
  ...durabilityShape,
  header: flag(true),
  ensureIndexes: flag(true),
  flushIntervalMs: integer(60_000, 200),
  maxTimeMS: integer(3_600_000, 30_000),
  auditReads: flag(true),
  onError: callback<NonNullable<AuditOptions['onError']>>().nullable().default(null),
  onDrop: callback<NonNullable<AuditOptions['onDrop']>>().nullable().default(null),
});

/** The options with every default filled in. */
export type Settings = Readonly<z.output<typeof optionsSchema>>;
export type Limits = Settings['limits'];
export type RedactSettings = Settings['redact'];

const KNOWN: Readonly<Record<string, readonly string[]>> = {
  '': Object.keys(optionsSchema.shape),
  capture: ['body', 'headers', 'query'],
  redact: ['keys', 'paths', 'censor', 'hmacKey'],
  limits: ['maxDepth', 'maxNodes', 'maxStringBytes', 'maxEventBytes', 'maxQueueEvents', 'maxQueueBytes'],
  ...DURABILITY_NAMES,
};

/** Options whose value may itself be a secret (a URI holds a password). */
const UNQUOTED = new Set(['mongo', 'redact.hmacKey']);

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  let value = input;
  for (const key of path) value = (value as Record<PropertyKey, unknown> | undefined)?.[key];
  return value;
}

function quote(value: unknown): string {
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'string') {
    // it may be a URI with a password, at a place where none belongs
    return value.includes('://') ? 'a URI' : JSON.stringify(value.slice(0, 60));
  }
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object';
  return String(value);
}

function toOptionError(issue: z.core.$ZodIssue, input: unknown): AuditOptionError {
  const parent = issue.path.map(String).join('.');
  if (issue.code === 'unrecognized_keys') {
    const [key = ''] = issue.keys;
    const known = KNOWN[parent] ?? [];
    const near = suggest(key, known);
    const name = parent === '' ? key : `${parent}.${key}`;
    const remedy = near === undefined ? `Known options are ${known.join(', ')}.` : `Did you mean '${near}'?`;
    return new AuditOptionError('AUDIT_UNKNOWN_OPTION', `Option '${name}' is not known. ${remedy}`);
  }
  if (parent === '')
    return new AuditOptionError(
      'AUDIT_INVALID_OPTION',
      `Options must be an object, received ${quote(input)}.`,
    );
  const received = UNQUOTED.has(parent) ? '' : `, received ${quote(valueAt(input, issue.path))}`;
  return new AuditOptionError(
    'AUDIT_INVALID_OPTION',
    `Option '${parent}' is wrong: ${issue.message}${received}.`,
  );
}

function checked(settings: Settings): Settings {
  const reason = missingDirectory(settings);
  if (reason === null) return Object.freeze(settings);
  const message = `Option 'spool.directory' is missing: ${reason}. Name a directory of this host.`;
  throw new AuditOptionError('AUDIT_INVALID_OPTION', message);
}

/**
 * Options with defaults filled in; the caller's object is not touched, and `undefined` means absent.
 *
 * @throws {AuditOptionError} naming the option, the value and the remedy
 */
export function parseOptions(options: AuditOptions): Settings {
  const result = optionsSchema.safeParse(options);
  if (result.success) return checked(result.data);
  const [issue] = result.error.issues;
  if (issue === undefined) throw new AuditOptionError('AUDIT_INVALID_OPTION', 'Options are wrong.');
  throw toOptionError(issue, options);
}
