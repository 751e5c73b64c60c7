/** Stored fields that hold a text or nothing. A label's name has neither dots nor a leading `$`. */
export type TextField =
  | 'kind'
  | 'status'
  | 'action'
  | 'name'
  | 'requestId'
  | 'source'
  | 'tenant'
  | 'user.id'
  | 'user.email'
  | 'user.name'
  | 'object.type'
  | 'object.id'
  | 'association.name'
  | 'association.change'
  | 'host'
  | 'url'
  | 'route'
  | 'remoteAddr'
  | `labels.${string}`;
export type DateField = 'timestamp' | 'recordedAt';
export type UuidField = 'uuid' | 'commitId';

/** What a list may be sorted by. What is unknown comes before everything else, texts are compared by their bytes. */
export type SortField = Exclude<TextField, `labels.${string}`> | DateField | 'id' | 'uuid';

export type TextCondition =
  /** Null is what is unknown: it equals null only, and differs from every text. Addresses match in every spelling. */
  | { readonly field: TextField; readonly op: 'eq' | 'neq'; readonly value: string | null }
  | { readonly field: TextField; readonly op: 'in'; readonly value: readonly string[] }
  /** Somewhere in the text, ignoring case, taken literally. */
  | { readonly field: TextField; readonly op: 'contains'; readonly value: string };

/** What compares a field with a value. */
export type Comparison =
  | TextCondition
  | {
      readonly field: DateField;
      readonly op: 'eq' | 'neq' | 'gt' | 'gte' | 'lt' | 'lte';
      readonly value: Date;
    }
  | { readonly field: UuidField; readonly op: 'eq' | 'neq'; readonly value: string }
  | { readonly field: 'id'; readonly op: 'eq' | 'neq' | 'gt' | 'gte' | 'lt' | 'lte'; readonly value: number }
  /** Somewhere in the decimal digits. */
  | { readonly field: 'id'; readonly op: 'contains'; readonly value: string }
  | { readonly field: 'system'; readonly op: 'eq'; readonly value: boolean }
  /** The integer under which a content type is published; the store knows its name. */
  | { readonly field: 'contentType'; readonly op: 'eq'; readonly value: number };

/** Values are compared as given: nothing in them is ever an operator or a pattern. */
export type Condition =
  | Comparison
  | { readonly op: 'or'; readonly of: readonly Condition[] }
  | { readonly op: 'and'; readonly of: readonly Condition[] }
  /** Matches nothing: for what is valid and can never be stored, like a timestamp between two milliseconds. */
  | { readonly op: 'never' };

/** Conditions are ANDed; an empty list matches every event in scope. */
export interface AuditEventFilter {
  readonly where: readonly Condition[];
  /**
   * `object-level` hides intents, and requests that changes stand for: one creation is one row.
   *
   * @default 'all'
   */
  readonly visibility?: 'all' | 'object-level';
}

export interface SortKey {
  readonly field: SortField;
  readonly descending: boolean;
}

/** The first key counts most, of a field given twice the first; ties are broken by uuid in the direction of the last. */
export type Sort = readonly SortKey[];

export interface Page {
  readonly skip: number;
  readonly limit: number;
}

/** A place in the order of creation time, where several have one time in that of their uuids. */
export interface Position {
  /** Whether the events `after` or `before` it are meant, in the order of the walk. */
  readonly side: 'after' | 'before';
  /** Of the event at the place, itself left out; in milliseconds since the epoch. */
  readonly timestamp: number;
  /** Of the same event. */
  readonly uuid: string;
  /** The safe point when the walk began: what has a higher integer id is no part of it. */
  readonly until: number;
}

/** One page of a walk in the order of creation time, whose cost does not depend on how far it has come. */
export interface Walk {
  readonly descending: boolean;
  readonly limit: number;
  /** Null where it begins. */
  readonly from: Position | null;
}

/** Whose events a reader may see; ANDed to every query by the store itself. */
export type Scope = { readonly tenants: '*' | readonly string[] };

/** An instant as a client gave it, finer than the milliseconds that are stored. */
export interface Instant {
  /** Floor of the instant, in whole milliseconds. */
  readonly date: Date;
  /** True when digits below the millisecond were cut off. */
  readonly hasRemainder: boolean;
}

type DateOperator = 'eq' | 'neq' | 'gt' | 'gte' | 'lt' | 'lte';

/** Matches everything. */
const ALWAYS: Condition = { op: 'and', of: [] };
const NEVER: Condition = { op: 'never' };

/** Compares stored milliseconds with a finer bound without rounding it into another answer. */
export function compareInstant(
  op: DateOperator,
  instant: Instant,
  field: DateField = 'timestamp',
): Condition {
  if (!instant.hasRemainder) return { field, op, value: instant.date };
  if (op === 'eq') return NEVER;
  if (op === 'neq') return ALWAYS;
  // with m < instant < m+1: "after the instant" is "> m", "before the instant" is "<= m"
  return { field, op: op === 'gt' || op === 'gte' ? 'gt' : 'lte', value: instant.date };
}

const DECIMAL = /^(?:0|[1-9]\d{0,15})$/;

/** Compares integer ids with any text: one that is no id in decimal digits equals none of them. */
export function compareId(op: 'eq' | 'neq' | 'contains', text: string): Condition {
  if (op === 'contains') return /^\d{1,16}$/.test(text) ? { field: 'id', op, value: text } : NEVER;
  if (DECIMAL.test(text)) return { field: 'id', op, value: Number(text) };
  return op === 'eq' ? NEVER : ALWAYS;
}
