import { canonicalAddress } from '../address';
import { escapeText } from '../escape';
import type {
  AuditEventFilter,
  Comparison,
  Condition,
  Position,
  Scope,
  Sort,
  TextCondition,
} from '../query/filter';
import type { Driver } from './connection';
import { toBinary } from './document';

export type Query = Record<string, unknown>;

/** Matches no document, and is answered from an index without reading any. */
const NEVER: Query = { _id: { $in: [] } };
/** True of every event. */
const ANY_TIME: Query = { timestamp: { $gte: new Date(-8.64e15) } };
const ANY_OBJECT_ID: Query = { 'object.id': { $gte: '' } };
const OBJECT_LEVEL: Query = {
  $nor: [{ status: 'intent' }, { kind: 'request', changeCount: { $gt: 0 } }],
};
/** Fields by which an index is entered, when they equal something or lie between bounds. */
const INDEXED: ReadonlySet<Comparison['field']> = new Set<Comparison['field']>([
  'timestamp',
  'user.id',
  'object.id',
  'remoteAddr',
  'requestId',
  'uuid',
  'commitId',
  'id',
]);
/** Not to match digits of an escaped character (`escapeText`), which only its mark may begin. */
const OUTSIDE_ESCAPES = '(?<!\u241B|\u241B[0-9a-f]|\u241B[0-9a-f]{2}|\u241B[0-9a-f]{3})';

/** What a content type's number stands for, as stored; null where none was handed out. */
export type TypeOf = (number: number) => Promise<string | null>;

export interface QueryParts {
  readonly driver: Driver;
  readonly typeOf: TypeOf;
}

/** The scope as a condition: an empty list of tenants sees nothing. */
function scopeQuery({ tenants }: Scope): Query {
  if (tenants === '*') return {};
  return tenants.length === 0 ? NEVER : { tenant: { $in: tenants.map(escapeText) } };
}

/** The one spelling under which a text is stored; another one than any address has is left as it is. */
function spelling(field: string, text: string): string {
  return escapeText(field === 'remoteAddr' ? (canonicalAddress(text) ?? text) : text);
}

/** Labels are texts or numbers; whoever asks has only texts. */
function spellings(field: string, text: string): readonly (string | number)[] {
  const number = Number(text);
  const isNumber = field.startsWith('labels.') && String(number) === text;
  return isNumber ? [text, number] : [spelling(field, text)];
}

function literalPattern(text: string): string {
  const literal = escapeText(text)
    .replace(/[\\^$.*+?()[\]{}|/#-]/g, '\\$&')
    .replaceAll('\0', '\\x00');
  return OUTSIDE_ESCAPES + literal;
}

function textQuery({ field, op, value }: TextCondition): Query {
  if (op === 'contains') return { [field]: { $regex: literalPattern(value), $options: 'i' } };
  if (op === 'in') return { [field]: { $in: value.flatMap((text) => spellings(field, text)) } };
  const values = value === null ? [null] : spellings(field, value);
  if (values.length > 1) return { [field]: { [op === 'eq' ? '$in' : '$nin']: values } };
  return { [field]: { [op === 'eq' ? '$eq' : '$ne']: values[0] } };
}

async function conditionQuery(parts: QueryParts, condition: Condition): Promise<Query> {
  if (condition.op === 'never') return NEVER;
  if (condition.op === 'and') return all(await conditionQueries(parts, condition.of));
  if (condition.op === 'or') {
    const some = await conditionQueries(parts, condition.of);
    return some.length === 0 ? NEVER : { $or: some };
  }
  return comparisonQuery(parts, condition);
}

async function comparisonQuery(parts: QueryParts, condition: Comparison): Promise<Query> {
  const operator = `$${condition.op === 'neq' ? 'ne' : condition.op}`;
  switch (condition.field) {
    case 'contentType': {
      const type = await parts.typeOf(condition.value);
      return type === null ? NEVER : { 'object.type': { $eq: type } };
    }
    case 'uuid':
    case 'commitId': {
      const path = condition.field === 'uuid' ? '_id' : 'commitId';
      return { [path]: { [operator]: toBinary(parts.driver, condition.value) } };
    }
    case 'id': {
      if (condition.op !== 'contains') return { id: { [operator]: condition.value } };
      const digits = { $toString: { $toLong: '$id' } };
      return { $expr: { $gte: [{ $indexOfCP: [digits, { $literal: condition.value }] }, 0] } };
    }
    case 'timestamp':
    case 'recordedAt':
    case 'system':
      return { [condition.field]: { [operator]: condition.value } };
    default:
      return textQuery(condition);
  }
}

function conditionQueries(parts: QueryParts, conditions: readonly Condition[]): Promise<Query[]> {
  return Promise.all(conditions.map((condition) => conditionQuery(parts, condition)));
}

function all(queries: readonly Query[]): Query {
  return queries.length === 0 ? {} : { $and: [...queries] };
}

/** The one place where the scope is applied: no query is built without it. */
export async function toQuery(parts: QueryParts, scope: Scope, filter: AuditEventFilter): Promise<Query> {
  const own = await conditionQueries(parts, filter.where);
  const visible = filter.visibility === 'object-level' ? [OBJECT_LEVEL] : [];
  return all([scopeQuery(scope), ...own, ...visible]);
}

function entersIndex(condition: Condition): boolean {
  if (condition.op === 'never') return true;
  if (condition.op === 'or') return condition.of.length > 0 && condition.of.every(entersIndex);
  if (condition.op === 'and') return condition.of.some(entersIndex);
  return INDEXED.has(condition.field) && condition.op !== 'neq' && condition.op !== 'contains';
}

/**
 * Adds nothing but a way into an index, where no condition is one: MongoDB then walks that of the timestamp instead
 * of reading every document. Object types alone are counted in the index of objects.
 */
export function throughIndex(scope: Scope, filter: AuditEventFilter, purpose: 'find' | 'count'): Query {
  if (scope.tenants !== '*' || filter.where.some(entersIndex)) return {};
  const isOfTypes =
    filter.visibility !== 'object-level' &&
    filter.where.length > 0 &&
    filter.where.every((one) => 'field' in one && one.field === 'contentType');
  return purpose === 'count' && isOfTypes ? ANY_OBJECT_ID : ANY_TIME;
}

/**
 * What lies beyond a position, in the order of the timestamp and then of the uuid: the rest of its millisecond, then
 * all other times. Two queries, as each of them is one range of an index: of one query with both as alternatives
 * MongoDB may pass over every event of that millisecond.
 */
export function beyond(driver: Driver, { timestamp, uuid }: Position, descending: boolean): readonly Query[] {
  const further = descending ? '$lt' : '$gt';
  const at = new Date(timestamp);
  return [
    { timestamp: { $eq: at }, _id: { [further]: toBinary(driver, uuid) } },
    { timestamp: { [further]: at } },
  ];
}

/** An integer id is an event's own: nothing after it could matter, and its index has no more. */
export function toSort(sort: Sort): Record<string, 1 | -1> {
  const order: Record<string, 1 | -1> = {};
  let direction: 1 | -1 = -1;
  for (const { field, descending } of sort) {
    const path = field === 'uuid' ? '_id' : field;
    direction = descending ? -1 : 1;
    order[path] ??= direction;
    if (path === 'id' || path === '_id') return order;
  }
  order._id = direction;
  return order;
}
