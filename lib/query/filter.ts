/** Stored fields that a query may compare or sort by. Stores map them to their own names. */
export type FilterField = 'timestamp' | 'user.id' | 'object.type' | 'object.id' | 'url' | 'remoteAddr';

/** Values are compared as given: nothing in them is ever an operator or a pattern. */
export type Condition =
  | { readonly field: FilterField; readonly op: 'eq'; readonly value: string | Date }
  | { readonly field: FilterField; readonly op: 'gt' | 'gte' | 'lt' | 'lte'; readonly value: Date }
  /** The integer under which a content type is published; the store knows its name. */
  | { readonly field: 'contentType'; readonly op: 'eq'; readonly value: number }
  /** Matches nothing: for what is valid and can never be stored, like a timestamp between two milliseconds. */
  | { readonly op: 'never' };

/** Conditions are ANDed; an empty list matches every event in scope. */
export interface AuditEventFilter {
  readonly where: readonly Condition[];
}

/** Ties are broken by uuid in the same direction. */
export interface Sort {
  readonly field: FilterField;
  readonly descending: boolean;
}

export interface Page {
  readonly skip: number;
  readonly limit: number;
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

type DateOperator = 'eq' | 'gt' | 'gte' | 'lt' | 'lte';

/** Compares stored milliseconds with a finer bound without rounding it into another answer. */
export function compareInstant(op: DateOperator, instant: Instant): Condition {
  const field = 'timestamp';
  if (!instant.hasRemainder) return { field, op, value: instant.date };
  if (op === 'eq') return { op: 'never' };
  // with m < instant < m+1: "after the instant" is "> m", "before the instant" is "<= m"
  return { field, op: op === 'gt' || op === 'gte' ? 'gt' : 'lte', value: instant.date };
}
