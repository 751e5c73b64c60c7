import { types } from 'node:util';

const LONGEST_NAME = 64;
const UNREADABLE = '[Throws]';

/** Plain data: `{}`, also without prototype or from another realm. */
function isPlainObject(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype || Object.getPrototypeOf(prototype) === null;
}

function instanceTag(value: object): string {
  if (types.isDate(value)) {
    const time = Date.prototype.getTime.call(value);
    return Number.isNaN(time) ? '[Invalid Date]' : new Date(time).toISOString();
  }
  const name: unknown = value.constructor?.name;
  if (name === 'ObjectId' && 'toHexString' in value && typeof value.toHexString === 'function') {
    return String(value.toHexString());
  }
  return `[${typeof name === 'string' && name !== '' ? name.slice(0, LONGEST_NAME) : 'Object'}]`;
}

/** An array, or a plain object with these keys. */
export interface ContainerShape {
  readonly kind: 'container';
  /** Null for an array. */
  readonly keys: readonly string[] | null;
  readonly length: number;
}

/** How a value is copied: member by member, as bytes, or as the string that says what it was. */
export type Shape =
  | ContainerShape
  | { readonly kind: 'bytes'; readonly bytes: Buffer }
  | { readonly kind: 'tag'; readonly tag: string };

/** Asked once for each object: a Proxy may throw, or answer otherwise the next time. */
export function shapeOf(value: object): Shape {
  try {
    if (Array.isArray(value)) return { kind: 'container', keys: null, length: value.length };
    if (ArrayBuffer.isView(value)) {
      return { kind: 'bytes', bytes: Buffer.from(value.buffer, value.byteOffset, value.byteLength) };
    }
    if (!isPlainObject(value)) return { kind: 'tag', tag: instanceTag(value) };
    const keys = Object.keys(value);
    return { kind: 'container', keys, length: keys.length };
  } catch {
    return { kind: 'tag', tag: UNREADABLE };
  }
}

/** A getter may throw: that is a fact about one value, not a reason to lose its neighbours. */
export function readMember(parent: object, key: string | number): unknown {
  try {
    return (parent as Record<string | number, unknown>)[key];
  } catch {
    return UNREADABLE;
  }
}

function functionTag(value: object): string {
  const name = readMember(value, 'name');
  return `[Function: ${typeof name === 'string' ? name.slice(0, LONGEST_NAME) : ''}]`;
}

/** What is no object, and what JSON cannot hold. */
export function scalarTag(value: unknown): string {
  if (typeof value === 'bigint') return `[BigInt: ${value.toString().slice(0, LONGEST_NAME)}]`;
  if (typeof value === 'symbol') return `[Symbol: ${(value.description ?? '').slice(0, LONGEST_NAME)}]`;
  return typeof value === 'function' ? functionTag(value) : `[${String(value)}]`;
}
