import type { Row } from './trail';

/** What a list must answer, said once more: by filtering and sorting an array. */
export interface ListParameters {
  readonly user?: string;
  readonly object_id?: string;
  /** The type's name; the request carries its number. */
  readonly content_type?: string;
  readonly timestamp?: number;
  readonly timestamp__gt?: number;
  readonly timestamp__gte?: number;
  readonly timestamp__lt?: number;
  readonly timestamp__lte?: number;
  readonly sort?: string;
  readonly page?: number;
  readonly limit?: number;
}

const KEYS: Readonly<Record<string, (row: Row) => string | number | null>> = {
  timestamp: ({ timestamp }) => timestamp.getTime(),
  user: ({ user }) => user ?? null,
  content_type: ({ type }) => type ?? null,
  object_id: ({ objectId }) => objectId ?? null,
  url: ({ url }) => url ?? null,
  remote_addr: ({ remoteAddr }) => remoteAddr ?? null,
};
export const SORTS: readonly string[] = Object.keys(KEYS).flatMap((name) => [name, `-${name}`]);

/** Nothing comes before something, texts are compared by their UTF-8 bytes. */
function compare(a: string | number | null, b: string | number | null): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  if (a === null || b === null) return Number(a !== null) - Number(b !== null);
  return Buffer.compare(Buffer.from(String(a)), Buffer.from(String(b)));
}

function matches(row: Row, wanted: ListParameters): boolean {
  const time = row.timestamp.getTime();
  const holds: readonly boolean[] = [
    wanted.user === undefined || row.user === wanted.user,
    wanted.object_id === undefined || row.objectId === wanted.object_id,
    wanted.content_type === undefined || row.type === wanted.content_type,
    wanted.timestamp === undefined || time === wanted.timestamp,
    wanted.timestamp__gt === undefined || time > wanted.timestamp__gt,
    wanted.timestamp__gte === undefined || time >= wanted.timestamp__gte,
    wanted.timestamp__lt === undefined || time < wanted.timestamp__lt,
    wanted.timestamp__lte === undefined || time <= wanted.timestamp__lte,
  ];
  return holds.every(Boolean);
}

export interface Expected {
  readonly count: number;
  readonly uuids: readonly string[];
  readonly hasNext: boolean;
  readonly hasPrevious: boolean;
}

/** Null for a page past the end. */
export function expectedList(
  rows: readonly Row[],
  wanted: ListParameters,
  tenants: readonly (string | null)[] | '*',
): Expected | null {
  const { sort = '-timestamp', page = 1, limit = 25 } = wanted;
  const direction = sort.startsWith('-') ? -1 : 1;
  const key = KEYS[sort.replace('-', '')] as (row: Row) => string | number | null;
  const found = rows
    .filter((row) => tenants === '*' || tenants.includes(row.tenant ?? null))
    .filter((row) => matches(row, wanted))
    .sort((a, b) => direction * (compare(key(a), key(b)) || compare(a.uuid, b.uuid)));
  const start = (page - 1) * limit;
  if (page > 1 && start >= found.length) return null;
  return {
    count: found.length,
    uuids: found.slice(start, start + limit).map(({ uuid }) => uuid),
    hasNext: start + limit < found.length,
    hasPrevious: page > 1,
  };
}
