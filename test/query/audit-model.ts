import type { Row } from './trail';

/** What `audit` must answer, said once more: by filtering and sorting an array. */
export interface AuditQuery {
  /** At most one a column. */
  readonly where: readonly {
    readonly column: string;
    readonly predicate: '' | 'eq' | '~eq' | 'neq';
    readonly value: string;
  }[];
  /** Times in microseconds. */
  readonly created_at?: {
    readonly predicate: '' | 'eq' | 'neq' | 'gt' | 'gte' | 'lt' | 'lte';
    readonly time: number;
  };
  readonly before: number;
  readonly after: number;
  readonly sort_by: readonly string[];
  readonly skip?: number;
  readonly limit?: number;
}

type Value = string | number | null;
const MICROS = 1_000;

function stored({ stored: fields }: Row, name: string): Value {
  return (fields?.[name] ?? null) as Value;
}

export const AUDIT_COLUMNS: Readonly<Record<string, (row: Row) => Value>> = {
  id: ({ id }) => id ?? null,
  actor_id: ({ actor }) => actor?.id ?? null,
  actor_name: ({ actor }) => actor?.name ?? null,
  actor_email: ({ actor }) => actor?.email ?? null,
  action: (row) => stored(row, 'name'),
  request_id: (row) => stored(row, 'requestId'),
  created_at: ({ timestamp }) => timestamp.getTime() * MICROS,
  source: (row) => stored(row, 'source'),
  status: (row) => stored(row, 'status'),
};
export const AUDIT_SORTS: readonly string[] = Object.keys(AUDIT_COLUMNS).flatMap((name) => [
  name,
  `-${name}`,
]);

const valueIn = (row: Row, column: string): Value => AUDIT_COLUMNS[column]?.(row) ?? null;

/** Nothing comes before something, texts are compared by their UTF-8 bytes. */
function compare(a: Value, b: Value): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  if (a === null || b === null) return Number(a !== null) - Number(b !== null);
  return Buffer.compare(Buffer.from(String(a)), Buffer.from(String(b)));
}

function holds(row: Row, { column, predicate, value }: AuditQuery['where'][number]): boolean {
  const own = valueIn(row, column);
  const text = own === null ? null : String(own);
  if (predicate === '~eq') return text?.toLowerCase().includes(value.toLowerCase()) ?? false;
  return predicate === 'neq' ? text !== value : text === value;
}

function isWithin(row: Row, { created_at, before, after }: AuditQuery): boolean {
  const time = row.timestamp.getTime() * MICROS;
  if (time >= before || time <= after) return false;
  if (created_at === undefined) return true;
  const { predicate, time: bound } = created_at;
  const results = {
    '': time === bound,
    eq: time === bound,
    neq: time !== bound,
    gt: time > bound,
    gte: time >= bound,
    lt: time < bound,
    lte: time <= bound,
  };
  return results[predicate];
}

/** Ids of the logs, in their order. */
export function expectedLogs(
  rows: readonly Row[],
  asked: AuditQuery,
  tenants: readonly (string | null)[] | '*',
): readonly (number | undefined)[] {
  const { where, sort_by, skip = 0, limit = 100 } = asked;
  const sorts = sort_by.length === 0 ? ['-created_at'] : sort_by;
  return rows
    .filter((row) => tenants === '*' || tenants.includes(row.tenant ?? null))
    .filter((row) => isWithin(row, asked) && where.every((one) => holds(row, one)))
    .sort((a, b) => {
      let direction = -1;
      for (const sort of sorts) {
        const column = sort.replace('-', '');
        direction = sort.startsWith('-') ? -1 : 1;
        const order = compare(valueIn(a, column), valueIn(b, column));
        if (order !== 0) return direction * order;
      }
      return direction * compare(a.uuid, b.uuid);
    })
    .slice(skip, skip + limit)
    .map(({ id }) => id);
}
