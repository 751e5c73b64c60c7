import type { LoadedDocument, State } from './driver';
import { type CopyOptions, copyValue, isSame } from './states';

type Step = (before: State) => State;

/** What a save does to a state, taken at the time of the save. */
export interface Delta {
  apply(before: State): State;
  /** False where the values of memory stand for what the server computes: right only for a state as loaded. */
  readonly isComputed: boolean;
}

const NUMERIC = /^\d+$/;

/** Reads the update that mongoose made of a changed document. */
export function createDelta(update: State, document: LoadedDocument, options: CopyOptions): Delta {
  const steps: Step[] = [];
  let isComputed = true;
  for (const [operator, fields] of Object.entries(update)) {
    for (const [path, operand] of Object.entries((fields ?? {}) as State)) {
      const step = stepOf(operator, path.split('.'), copyValue(operand, options));
      if (step === null) isComputed = false;
      steps.push(step ?? remembered(document, path, options));
    }
  }
  return { apply: (before) => steps.reduce((state, step) => step(state), before), isComputed };
}

function stepOf(operator: string, keys: readonly string[], operand: unknown): Step | null {
  switch (operator) {
    case '$set':
      return (before) => change(before, keys, () => operand) as State;
    case '$unset':
      return (before) => change(before, keys, () => undefined) as State;
    case '$inc':
      return typeof operand === 'number' ? (before) => increment(before, keys, operand) : null;
    case '$push':
      return push(keys, operand);
    case '$addToSet':
      return addToSet(keys, operand);
    case '$pullAll':
      return Array.isArray(operand) ? pullAll(keys, operand) : null;
    case '$pull':
      return pullById(keys, operand);
    case '$pop':
      return filter(keys, (_item, i, { length }) => i !== (operand === -1 ? 0 : length - 1));
    default:
      return null;
  }
}

function remembered(document: LoadedDocument, path: string, options: CopyOptions): Step {
  const value = copyValue(document.$__getValue(path), { ...options, isPopulated: true });
  return (before) => change(before, path.split('.'), () => value) as State;
}

function increment(before: State, keys: readonly string[], by: number): State {
  return change(before, keys, (value) => (typeof value === 'number' ? value : 0) + by) as State;
}

const eachOf = (operand: unknown): readonly unknown[] => {
  const each = (operand as { $each?: unknown } | null)?.$each;
  return Array.isArray(each) ? each : [operand];
};

function push(keys: readonly string[], operand: unknown): Step | null {
  const { $each, $position, ...rest } = (operand ?? {}) as State;
  if (Array.isArray($each) && Object.keys(rest).length > 0) return null;
  const position =
    typeof $position === 'number' && Array.isArray($each) ? $position : Number.POSITIVE_INFINITY;
  return (before) =>
    change(before, keys, (value) => toList(value).toSpliced(position, 0, ...eachOf(operand))) as State;
}

function addToSet(keys: readonly string[], operand: unknown): Step {
  return (before) =>
    change(before, keys, (value) => {
      const list = toList(value);
      for (const one of eachOf(operand)) if (!list.some((item) => isSame(item, one))) list.push(one);
      return list;
    }) as State;
}

function pullAll(keys: readonly string[], operands: readonly unknown[]): Step {
  return filter(keys, (item) => !operands.some((one) => isSame(item, one)));
}

/** Sub-documents that were deleted, the one form of $pull that a save sends. */
function pullById(keys: readonly string[], operand: unknown): Step | null {
  const { _id, ...rest } = (operand ?? {}) as State;
  const ids = (_id as { $in?: unknown } | null | undefined)?.$in;
  if (!Array.isArray(ids) || Object.keys(rest).length > 0) return null;
  const idOf = (item: unknown): unknown => (item as { _id?: unknown } | null)?._id;
  return filter(keys, (item) => !ids.some((id) => isSame(idOf(item), id)));
}

type Keeps = (item: unknown, index: number, list: readonly unknown[]) => boolean;

function filter(keys: readonly string[], keeps: Keeps): Step {
  return (before) =>
    change(before, keys, (value) => (Array.isArray(value) ? value.filter(keeps) : value)) as State;
}

const toList = (value: unknown): unknown[] => (Array.isArray(value) ? [...value] : []);

/** A copy with another value at a path; what lies beside the path is shared. */
function change(state: unknown, keys: readonly string[], next: (value: unknown) => unknown): unknown {
  const [key, ...rest] = keys;
  if (key === undefined) return next(state);
  if (Array.isArray(state) && NUMERIC.test(key)) return changeItem(state, Number(key), rest, next);
  const object = typeof state === 'object' && state !== null ? (state as State) : {};
  const value = change(Object.hasOwn(object, key) ? object[key] : undefined, rest, next);
  const copy: Record<string, unknown> = { ...object };
  if (value === undefined) delete copy[key];
  else copy[key] = value;
  return copy;
}

function changeItem(
  list: readonly unknown[],
  index: number,
  rest: readonly string[],
  next: (value: unknown) => unknown,
): unknown[] {
  const copy = [...list];
  while (copy.length < index) copy.push(null);
  // the server leaves null where an item is unset
  copy[index] = change(list[index], rest, next) ?? null;
  return copy;
}
