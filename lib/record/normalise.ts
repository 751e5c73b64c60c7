import { createHash } from 'node:crypto';
import { escapeKey, escapeText, setOwn } from '../escape';
import type { Json } from '../event';
import type { Limits } from '../options';

/** What decides on secrets while a tree is copied; `S` says where the walk stands. */
export interface Masking<S> {
  open(section: string): S;
  descend(state: S, key: string): S;
  hides(state: S, parent: object, key: string, value: unknown): boolean;
  censor(value: unknown, path: readonly string[]): Json;
  text(text: string, path: readonly string[]): Json;
}

/** Room for the fields of fixed size, out of the bytes of one event. */
const RESERVED_BYTES = 8_192;
/** A string longer than this was not searched for secrets, so none of it is kept. */
const LONGEST_KEPT_PREFIX = 65_536;
/** BSON's cost of a value besides its text: type, length and terminator, or a number. */
const NODE_BYTES = 12;
/** Below this no further value is begun, so that a marker always fits. */
const MARKER_BYTES = 160;
const MOST_PATHS = 32;
const LONGEST_PATH = 128;

/** How many bytes were cut, and their hash, so that whoever holds the original can prove it. */
function marker(what: string, text: string | null): string {
  if (text === null) return `[truncated: ${what}]`;
  const hash = createHash('sha256').update(text).digest('hex');
  return `[truncated: ${what}${what === '' ? '' : ', '}${Buffer.byteLength(text)} bytes, sha256 ${hash}]`;
}

function toText(value: unknown): string | null {
  try {
    return JSON.stringify(value) ?? null;
  } catch {
    return null;
  }
}

function isPlainObject(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype || Object.getPrototypeOf(prototype) === null;
}

/** The longest prefix of at most `maxBytes` bytes that ends on a whole character. */
function prefixOf(text: string, maxBytes: number): string {
  let prefix = text.slice(0, maxBytes);
  while (Buffer.byteLength(prefix) > maxBytes) {
    const excess = Buffer.byteLength(prefix) - maxBytes;
    prefix = prefix.slice(0, prefix.length - Math.max(1, Math.floor(excess / 3)));
  }
  const last = prefix.charCodeAt(prefix.length - 1);
  return last >= 0xd800 && last <= 0xdbff ? prefix.slice(0, -1) : prefix;
}

function bytesTag(value: ArrayBufferView): string {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  return `[Buffer: ${bytes.length} bytes, sha256 ${createHash('sha256').update(bytes).digest('hex')}]`;
}

/** What JSON cannot hold, as a string that says what it was. */
function tagOf(value: object): string {
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? '[Invalid Date]' : value.toISOString();
  if (ArrayBuffer.isView(value)) return bytesTag(value);
  const name: unknown = value.constructor?.name;
  if (name === 'ObjectId' && 'toHexString' in value && typeof value.toHexString === 'function') {
    return String(value.toHexString());
  }
  return `[${typeof name === 'string' && name !== '' ? name.slice(0, 64) : 'Object'}]`;
}

function scalarTag(value: unknown): string {
  if (typeof value === 'bigint') return `[BigInt: ${value.toString().slice(0, 64)}]`;
  if (typeof value === 'symbol') return `[Symbol: ${(value.description ?? '').slice(0, 64)}]`;
  if (typeof value === 'function') return `[Function: ${String(value.name).slice(0, 64)}]`;
  return `[${String(value)}]`;
}

/**
 * Copies values of clients and applications into trees that MongoDB can hold: JSON only, escaped, within the
 * limits, without secrets. One instance an event; its sections share the event's budget of bytes.
 */
export class Normaliser<S> {
  readonly truncated: string[] = [];
  private remaining: number;
  private nodes = 0;
  private readonly path: string[] = [];
  private readonly ancestors: object[] = [];

  constructor(
    private readonly limits: Limits,
    private readonly masking: Masking<S>,
  ) {
    this.remaining = limits.maxEventBytes - RESERVED_BYTES;
  }

  /**
   * @param keepBytes bytes that this section leaves to later ones
   * @throws what a user's censor or a hostile getter of a Proxy throws
   */
  section(name: string, value: unknown, keepBytes = 0): Json {
    this.nodes = 0;
    this.path.length = 0;
    this.ancestors.length = 0;
    this.path.push(name);
    this.remaining -= keepBytes;
    try {
      return this.copy(value, this.masking.open(name));
    } finally {
      this.remaining += keepBytes;
    }
  }

  private copy(value: unknown, state: S): Json {
    this.nodes += 1;
    this.remaining -= NODE_BYTES;
    switch (typeof value) {
      case 'string':
        return this.copyText(value);
      case 'boolean':
        return value;
      case 'number':
        return Number.isFinite(value) ? value : scalarTag(value);
      case 'undefined':
        return null;
      case 'object':
        return value === null ? null : this.copyObject(value, state);
      default:
        return this.charge(escapeText(scalarTag(value)));
    }
  }

  private charge(text: string): string {
    this.remaining -= Buffer.byteLength(text);
    return text;
  }

  private copyText(text: string): Json {
    const visible = this.masking.text(text, this.path);
    if (typeof visible !== 'string') return visible;
    const { maxStringBytes } = this.limits;
    const allowed = Math.min(maxStringBytes, this.remaining);
    const escaped = escapeText(visible);
    const bytes = Buffer.byteLength(escaped);
    if (bytes <= allowed) {
      this.remaining -= bytes;
      return escaped;
    }
    this.noteCut();
    const mark = marker('', visible);
    const room = allowed - mark.length;
    const prefix =
      visible.length > LONGEST_KEPT_PREFIX || room <= 0 ? '' : escapeText(prefixOf(visible, room));
    return this.charge(Buffer.byteLength(prefix) <= room ? prefix + mark : mark);
  }

  private copyObject(value: object, state: S): Json {
    if (this.ancestors.includes(value)) return this.charge('[Circular]');
    const isArray = Array.isArray(value);
    if (!isArray && !isPlainObject(value)) return this.copyText(tagOf(value));
    if (this.ancestors.length >= this.limits.maxDepth) return this.cut('too deep', value);
    this.ancestors.push(value);
    const copied = isArray
      ? this.copyItems(value, state)
      : this.copyMembers(value as Record<string, unknown>, state);
    this.ancestors.pop();
    return copied;
  }

  private isFull(): boolean {
    return this.nodes >= this.limits.maxNodes || this.remaining < MARKER_BYTES;
  }

  /** Paths carry the client's keys, so their number and length are bounded too. */
  private noteCut(): void {
    if (this.truncated.length >= MOST_PATHS) return;
    this.truncated.push(this.charge(escapeText(this.path.join('.').slice(0, LONGEST_PATH))));
  }

  private cut(what: string, value: unknown): string {
    this.noteCut();
    return this.charge(marker(what, toText(value)));
  }

  private copyItems(items: readonly unknown[], state: S): Json {
    const copy: Json[] = [];
    for (let i = 0; i < items.length; i++) {
      if (this.isFull()) {
        copy.push(this.cut(`${items.length - i} items`, items.slice(i)));
        break;
      }
      this.remaining -= 5;
      copy.push(this.copyMember(items, String(i), items[i], state));
    }
    return copy;
  }

  private copyMembers(members: Record<string, unknown>, state: S): Json {
    const copy: Record<string, Json> = {};
    const keys = Object.keys(members);
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i] as string;
      if (this.isFull() || key.length > this.limits.maxStringBytes) {
        const rest = Object.fromEntries(keys.slice(i).map((name) => [name, this.read(members, name)]));
        setOwn(copy, '[truncated]', this.cut(`${keys.length - i} members`, rest));
        break;
      }
      const value = this.read(members, key);
      // like JSON.stringify: what is not there needs no key
      if (value === undefined) continue;
      const stored = escapeKey(key);
      this.remaining -= Buffer.byteLength(stored);
      setOwn(copy, stored, this.copyMember(members, key, value, state));
    }
    return copy;
  }

  /** A getter may throw: that is a fact about one value, not a reason to lose its neighbours. */
  private read(parent: object, key: string): unknown {
    try {
      return (parent as Record<string, unknown>)[key];
    } catch {
      return '[Throws]';
    }
  }

  private copyMember(parent: object, key: string, value: unknown, state: S): Json {
    const next = this.masking.descend(state, key);
    this.path.push(key);
    let copied: Json;
    if (this.masking.hides(next, parent, key, value)) {
      this.nodes += 1;
      this.remaining -= NODE_BYTES;
      const mask = this.masking.censor(value, this.path);
      copied =
        typeof mask === 'string' ? this.charge(escapeText(mask).slice(0, this.limits.maxStringBytes)) : mask;
    } else {
      copied = this.copy(value, next);
    }
    this.path.pop();
    return copied;
  }
}
