import { types } from 'node:util';

/** A value whose content is masked wherever it is shown, while a comparison still looks into it. */
export class Hidden {
  constructor(readonly value: Plain) {}
}

/** What a state is made of: JSON, but for bytes and for what is hidden. Equal values have equal plain forms. */
export type Plain =
  | null
  | boolean
  | number
  | string
  | Buffer
  | Hidden
  | readonly Plain[]
  | { readonly [key: string]: Plain };

export interface PlainOptions {
  /** Dotted paths of what is hidden; items of lists need no step, `*` and `$*` are any key, `**` any number of keys. */
  readonly hidden: readonly string[];
  readonly maxNodes: number;
  readonly maxDepth: number;
  /** Characters of all texts and keys. */
  readonly maxChars: number;
}

interface HiddenPaths {
  isEnd: boolean;
  /** Whether any key leads back to here. */
  readonly isDeep: boolean;
  readonly members: Map<string, HiddenPaths>;
}

const ANY_KEYS = ['*', '$*'] as const;
const ANY_DEPTH = '**';
/** How mongoose and MongoDB write that any item of a list is meant. */
const ANY_ITEMS: ReadonlySet<string> = new Set(['$', '$[]']);
const UNREADABLE = '[Throws]';

class TooLarge extends Error {}

function hiddenPaths(key?: string): HiddenPaths {
  return { isEnd: false, isDeep: key === ANY_DEPTH, members: new Map() };
}

function compile(paths: readonly string[]): HiddenPaths {
  const root = hiddenPaths();
  for (const path of paths) {
    let node = root;
    for (const key of path.split('.')) {
      if (ANY_ITEMS.has(key)) continue;
      const next = node.members.get(key) ?? hiddenPaths(key);
      node.members.set(key, next);
      node = next;
    }
    node.isEnd = true;
  }
  return root;
}

function step(nodes: readonly HiddenPaths[], key: string): readonly HiddenPaths[] {
  if (nodes.length === 0) return nodes;
  const found = new Set<HiddenPaths>();
  for (const node of nodes) {
    if (node.isDeep) found.add(node);
    for (const name of [key, ...ANY_KEYS]) {
      const next = node.members.get(name);
      if (next === undefined) continue;
      found.add(next);
      const deep = next.members.get(ANY_DEPTH);
      if (deep !== undefined) found.add(deep);
    }
  }
  // a key of its own, or one that was never taken apart
  const parts = key.split('.');
  if (parts.length > 1) for (const node of parts.reduce(step, nodes)) found.add(node);
  return [...found];
}

function isPlainObject(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype || Object.getPrototypeOf(prototype) === null;
}

/** Only what these types promise; which copy of the library made the value is of no account. */
interface BsonValue {
  readonly _bsontype?: unknown;
  readonly sub_type?: number;
  readonly pattern: string;
  readonly options: string;
  readonly buffer: Uint8Array;
  readonly position: number;
  toHexString(): string;
  toUUID(): object;
  toNumber(): number;
  valueOf(): unknown;
}

const UUID_SUBTYPE = 4;

/** A value of BSON as JSON can hold it; undefined where the type has no such form. */
function ofBson(value: BsonValue): unknown {
  switch (value._bsontype) {
    case 'ObjectId':
    case 'ObjectID':
      return value.toHexString();
    case 'Decimal128':
    case 'Timestamp':
      return String(value);
    case 'Long': {
      const number = value.toNumber();
      return Number.isSafeInteger(number) ? number : String(value);
    }
    case 'BSONRegExp':
      return `/${value.pattern}/${value.options}`;
    case 'Int32':
    case 'Double':
      return value.valueOf();
    case 'Binary':
      return value.sub_type === UUID_SUBTYPE
        ? String(value.toUUID())
        : value.buffer.subarray(0, value.position);
    default:
      return undefined;
  }
}

function hasMethod<K extends string>(value: object, name: K): value is Record<K, () => unknown> {
  return name in value && typeof (value as Record<K, unknown>)[name] === 'function';
}

/** Other keys than texts might not be told apart as texts. */
function ofMap(map: ReadonlyMap<unknown, unknown>): unknown {
  const entries = [...map];
  return entries.every(([key]) => typeof key === 'string') ? Object.fromEntries(entries) : entries;
}

/** What an instance of a class stands for: a value of BSON, a document's content, or its class's name. */
function ofInstance(value: object): unknown {
  if (types.isDate(value)) {
    const time = Date.prototype.getTime.call(value);
    return Number.isNaN(time) ? '[Invalid Date]' : new Date(time).toISOString();
  }
  if (types.isMap(value)) return ofMap(value);
  if (types.isSet(value)) return [...value];
  if (types.isAnyArrayBuffer(value)) return Buffer.from(value);
  if (types.isBoxedPrimitive(value)) return value.valueOf();
  if (types.isRegExp(value)) return String(value);
  if ('_bsontype' in value) {
    const known = ofBson(value as BsonValue);
    if (known !== undefined) return known;
  }
  if (hasMethod(value, 'toObject')) return value.toObject();
  if (hasMethod(value, 'toJSON')) return value.toJSON();
  return `[${value.constructor?.name ?? 'Object'}]`;
}

function attempt(read: () => unknown): unknown {
  try {
    return read();
  } catch (error) {
    if (error instanceof TooLarge) throw error;
    return UNREADABLE;
  }
}

class PlainCopy {
  private readonly ancestors: object[] = [];
  private nodes: number;
  private chars: number;

  constructor(private readonly options: PlainOptions) {
    this.nodes = options.maxNodes;
    this.chars = options.maxChars;
  }

  of(value: unknown, hidden: readonly HiddenPaths[]): Plain {
    this.nodes -= 1;
    if (this.nodes < 0) throw new TooLarge();
    switch (typeof value) {
      case 'string':
        this.charge(value.length);
        return value;
      case 'number':
        // JSON knows but one zero
        return Number.isFinite(value) ? value + 0 : `[${value}]`;
      case 'boolean':
        return value;
      case 'bigint':
        return String(value);
      case 'object':
        return value === null ? null : this.ofObject(value, hidden);
      default:
        return value === undefined ? null : `[${typeof value}]`;
    }
  }

  private charge(length: number): void {
    this.chars -= length;
    if (this.chars < 0) throw new TooLarge();
  }

  private ofObject(value: object, hidden: readonly HiddenPaths[]): Plain {
    if (this.ancestors.includes(value)) return '[Circular]';
    if (this.ancestors.length >= this.options.maxDepth) throw new TooLarge();
    this.ancestors.push(value);
    const copy = attempt(() => this.content(value, hidden)) as Plain;
    this.ancestors.pop();
    return copy;
  }

  private content(value: object, hidden: readonly HiddenPaths[]): Plain {
    if (Array.isArray(value)) return this.items(value, hidden);
    if (ArrayBuffer.isView(value)) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    if (!isPlainObject(value)) return this.of(ofInstance(value), hidden);
    return this.members(value, hidden);
  }

  private items(items: readonly unknown[], hidden: readonly HiddenPaths[]): Plain {
    const copy: Plain[] = [];
    for (let i = 0; i < items.length; i++) {
      const next = step(hidden, String(i));
      copy.push(this.member(items[i], next.length === 0 ? hidden : [...new Set([...hidden, ...next])]));
    }
    return copy;
  }

  private members(members: object, hidden: readonly HiddenPaths[]): Plain {
    const copy: Record<string, Plain> = {};
    for (const key of Object.keys(members)) {
      const value = attempt(() => (members as Record<string, unknown>)[key]);
      if (value === undefined) continue;
      this.charge(key.length);
      const plain = this.member(value, step(hidden, key));
      // plain assignment would swallow it
      if (key === '__proto__') Object.defineProperty(copy, key, { value: plain, enumerable: true });
      else copy[key] = plain;
    }
    return copy;
  }

  private member(value: unknown, hidden: readonly HiddenPaths[]): Plain {
    if (!hidden.some(({ isEnd }) => isEnd)) return this.of(value, hidden);
    const plain = this.of(value, []);
    return plain === null ? null : new Hidden(plain);
  }
}

/**
 * The plain form of a state: dates, ObjectIds, decimals and maps as JSON can hold them. Undefined for one that is too
 * large: never a part of it. Never throws.
 */
export function toPlain(value: unknown, options: PlainOptions): Plain | undefined {
  const hidden = options.hidden.length === 0 ? [] : [compile(options.hidden)];
  try {
    return new PlainCopy(options).of(value, hidden);
  } catch {
    return undefined;
  }
}
