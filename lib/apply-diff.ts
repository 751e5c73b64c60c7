import type { DiffEntry, Json } from './event';

type Tree = Record<string, unknown> | unknown[];

const WRONG = 'applyDiff: the diff does not belong to this state';

function copyOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copyOf);
  if (typeof value !== 'object' || value === null) return value;
  const copy: Record<string, unknown> = {};
  for (const key of Object.keys(value)) set(copy, key, copyOf((value as Record<string, unknown>)[key]));
  return copy;
}

function set(target: Tree, key: string | number, value: unknown): void {
  // plain assignment would swallow `__proto__`
  Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true });
}

function get(target: unknown, key: string | number): Tree {
  const value =
    isTree(target) && Object.hasOwn(target, key) ? (target as Record<string, unknown>)[key] : null;
  if (isTree(value)) return value;
  throw new TypeError(`${WRONG}: nothing can be changed below ${JSON.stringify(key)}.`);
}

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null;
}

/** An item; new ones come the last one first. */
function isPlaceIn(list: readonly unknown[], key: string | number, kind: DiffEntry['kind']): boolean {
  return Number.isInteger(key) && Number(key) >= 0 && (kind === 'N' || Number(key) < list.length);
}

function applyAt(parent: Tree, key: string | number, change: DiffEntry): void {
  if (Array.isArray(parent) && !isPlaceIn(parent, key, change.kind))
    throw new TypeError(`${WRONG}: a list has no item ${JSON.stringify(key)}.`);
  if (change.kind === 'A') applyToItem(get(parent, key), change);
  else if (change.kind !== 'D') set(parent, key, copyOf(change.rhs));
  else if (Array.isArray(parent)) parent.splice(Number(key), 1);
  else delete parent[key];
}

function applyToItem(list: unknown, { index, item }: DiffEntry): void {
  if (!Array.isArray(list) || index === undefined || item === undefined)
    throw new TypeError(`${WRONG}: an entry of kind A needs a list, an index and an item.`);
  applyAt(list, index, item);
}

function applyOne(state: unknown, change: DiffEntry): unknown {
  const path = change.path ?? [];
  const last = path.at(-1);
  if (last === undefined) {
    if (change.kind === 'A') applyToItem(state, change);
    else return change.kind === 'D' ? null : copyOf(change.rhs);
    return state;
  }
  let parent = state;
  for (const key of path.slice(0, -1)) parent = get(parent, key);
  if (!isTree(parent)) throw new TypeError(`${WRONG}: it is no object and no list.`);
  applyAt(parent, last, change);
  return state;
}

/**
 * The state after a change: `applyDiff(event.before, event.diff)` equals `event.after`. Nothing that is handed in is
 * changed.
 *
 * @throws {TypeError} when the diff does not belong to the state
 */
export function applyDiff(before: Json, diff: readonly DiffEntry[] | null): Json {
  let state = copyOf(before);
  for (const change of diff ?? []) state = applyOne(state, change);
  return state as Json;
}
