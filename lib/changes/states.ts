import { isDate } from 'node:util/types';
import type { State } from './driver';

export interface CopyOptions {
  /** As the driver was told: without it, it stores null for undefined. */
  readonly ignoreUndefined?: boolean;
  /** Documents in the place of ids are what mongoose populated: the ids are what is stored. */
  readonly isPopulated?: boolean;
}

/** BSON nests no deeper; what is circular ends here. */
const DEEPEST = 200;

const hasOwnFunction = (value: object, name: string): boolean =>
  typeof (value as Record<string, unknown>)[name] === 'function';

const isNothing = (value: unknown): boolean => typeof value === 'function' || typeof value === 'symbol';

/** A copy as the driver would store it, which later changes of the original do not reach. */
export function copyState(value: unknown, options: CopyOptions = {}): State {
  return copyValue(value, options) as State;
}

export function copyValue(value: unknown, options: CopyOptions = {}, depth = 0): unknown {
  if (typeof value !== 'object' || value === null) return isNothing(value) ? undefined : value;
  if (depth > DEEPEST) throw new RangeError('The document nests deeper than BSON can.');
  if (Array.isArray(value)) return copyArray(value, options, depth);
  const prototype = Object.getPrototypeOf(value);
  if ((prototype === Object.prototype || prototype === null) && !hasOwnFunction(value, 'toBSON'))
    return copyObject(value, options, depth);
  return copyInstance(value, options, depth);
}

function copyArray(value: readonly unknown[], options: CopyOptions, depth: number): unknown[] {
  const copy: unknown[] = [];
  for (let i = 0; i < value.length; i++) copy.push(copyValue(value[i], options, depth + 1) ?? null);
  return copy;
}

function copyObject(value: object, options: CopyOptions, depth: number): Record<string, unknown> {
  const copy: Record<string, unknown> = {};
  for (const key of Object.keys(value)) {
    const one = (value as State)[key];
    if (isNothing(one) || (one === undefined && options.ignoreUndefined)) continue;
    put(copy, key, copyValue(one, options, depth + 1) ?? null);
  }
  return copy;
}

/** `__proto__` is a name like any other in a document. */
function put(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key !== '__proto__') target[key] = value;
  else Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
}

function copyInstance(value: object, options: CopyOptions, depth: number): unknown {
  const { _bsontype, $__, $isSubdocument, _doc } = value as State & { _doc?: State };
  if (_bsontype === 'ObjectId' || _bsontype === 'Decimal128') return value;
  if (isDate(value)) return new Date(value.getTime());
  if (value instanceof Uint8Array) return Buffer.from(value);
  if (options.isPopulated && $__ && !$isSubdocument) return _doc?._id;
  if (hasOwnFunction(value, 'toBSON'))
    return copyValue((value as { toBSON(): unknown }).toBSON(), options, depth + 1);
  if (_bsontype === 'Binary') return copyBinary(value as BinaryLike);
  if (typeof _bsontype === 'string' || value instanceof RegExp) return value;
  if (value instanceof Map) return copyObject(Object.fromEntries(value), options, depth);
  return copyObject(value, options, depth);
}

interface BinaryLike {
  readonly buffer: Uint8Array;
  readonly sub_type: number;
  readonly position?: number;
  toUUID(): object;
}

/** Mongoose makes buffers of it that share its bytes. */
function copyBinary(value: BinaryLike): unknown {
  const Binary = value.constructor as new (buffer: Buffer, subType: number) => unknown;
  return new Binary(Buffer.from(value.buffer.subarray(0, value.position)), value.sub_type);
}

/** Whether both are stored alike; the order of keys does not count. */
export function isSame(one: unknown, other: unknown): boolean {
  if (Object.is(one, other)) return true;
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false;
  if (Array.isArray(one))
    return (
      Array.isArray(other) && one.length === other.length && one.every((item, i) => isSame(item, other[i]))
    );
  if (isDate(one)) return isDate(other) && one.getTime() === other.getTime();
  if (one instanceof Uint8Array) return other instanceof Uint8Array && Buffer.compare(one, other) === 0;
  const type = (one as State)._bsontype;
  if (type === 'Binary') return isSameBinary(one as BinaryLike, other as BinaryLike);
  if (typeof type === 'string') return type === (other as State)._bsontype && String(one) === String(other);
  if (one instanceof RegExp) return other instanceof RegExp && String(one) === String(other);
  const keys = Object.keys(one);
  return (
    !Array.isArray(other) &&
    keys.length === Object.keys(other).length &&
    keys.every((key) => Object.hasOwn(other, key) && isSame((one as State)[key], (other as State)[key]))
  );
}

function isSameBinary(one: BinaryLike, other: BinaryLike): boolean {
  if ((other as unknown as State)._bsontype !== 'Binary' || one.sub_type !== other.sub_type) return false;
  const [a, b] = [one.buffer.subarray(0, one.position), other.buffer.subarray(0, other.position)];
  return Buffer.compare(a, b) === 0;
}

/** What of a state lies where another one of the same document has something: the part that a projection leaves. */
export function partOf(state: unknown, shape: unknown): unknown {
  if (Array.isArray(state)) {
    const isAlike = Array.isArray(shape) && shape.length === state.length;
    return isAlike ? state.map((item, i) => partOf(item, shape[i])) : state;
  }
  if (!isPlain(state) || !isPlain(shape)) return state;
  const keys = Object.keys(shape).filter((key) => Object.hasOwn(state, key));
  return Object.fromEntries(keys.map((key) => [key, partOf(state[key], shape[key])]));
}

function isPlain(value: unknown): value is State {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

/** An `_id` as a string: what a URL would say, JSON for what no URL says. */
export function idText(id: unknown): string {
  if (typeof id !== 'object' || id === null) return String(id);
  if (isDate(id)) return Number.isNaN(id.getTime()) ? String(id) : id.toISOString();
  if (id instanceof Uint8Array) return Buffer.from(id).toString('base64');
  if (!('_bsontype' in id)) return JSON.stringify(id);
  return id._bsontype === 'Binary' ? binaryText(id as unknown as BinaryLike) : String(id);
}

const UUID_SUBTYPE = 4;
const UUID_BYTES = 16;

/** Drivers differ in what they read a UUID as. */
function binaryText(binary: BinaryLike): string {
  const bytes = Buffer.from(binary.buffer.subarray(0, binary.position));
  const isUuid = binary.sub_type === UUID_SUBTYPE && bytes.length === UUID_BYTES;
  return isUuid ? String(binary.toUUID()) : bytes.toString('base64');
}

/** About how many bytes a state takes; a bound for buffers, no measure. */
export function roughBytes(value: unknown, depth = 0): number {
  if (typeof value === 'string') return 8 + value.length;
  if (typeof value !== 'object' || value === null || depth > DEEPEST) return 8;
  if (value instanceof Uint8Array) return 16 + value.length;
  if ('_bsontype' in value || isDate(value)) return 24;
  let bytes = 16;
  for (const [key, one] of Object.entries(value)) bytes += key.length + roughBytes(one, depth + 1);
  return bytes;
}
