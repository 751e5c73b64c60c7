import { escapeText, setOwn } from '../escape';
import type { Json } from '../event';
import type { Limits } from '../options';
import { isShortAscii } from './normalise/ascii';
import { bytesTag, cutMarker, jsonText } from './normalise/cut';
import { FreeKeys } from './normalise/free-keys';
import { type ContainerShape, readMember, scalarTag, shapeOf } from './normalise/tag';

/** What decides on secrets while a tree is copied; `S` says where the walk stands. */
export interface Masking<S> {
  /** Longest text that `text` searches: of a longer one nothing may be kept. */
  readonly longestText: number;
  open(section: string): S;
  descend(state: S, key: string): S;
  hides(state: S, parent: object, key: string, value: unknown): boolean;
  /** Whether the name of a secret stands in an object, beside what may be its value. */
  isNamed(parent: object): boolean;
  censor(value: unknown, path: readonly string[]): Json;
  text(text: string, path: readonly string[], state?: S): Json;
  key(key: string): VisibleKey;
}

/** A key as it may be seen, and as it is stored. */
export interface VisibleKey {
  readonly name: string;
  /** Escaped. */
  readonly stored: string;
  /** Of what is stored. */
  readonly bytes: number;
}

export interface SectionOptions {
  /** Bytes of the event that are left to later sections. @default 0 */
  readonly keepBytes?: number;
}

/** Room for the fields of fixed size and the markers of the sections, out of the bytes of one event. */
const RESERVED_BYTES = 8_192;
/** BSON's cost of a value besides its key and text: type, length and terminator, or a number. */
const NODE_BYTES = 12;
const INDEX_BYTES = 5;
/** Kept free for every open container, so that it can say what it left out. */
const MARKER_BYTES = 160;
/** Values whose size and hash one event may tell although they are not stored. */
const MOST_HASHED_NODES = 250_000;
const MOST_PATHS_BYTES = 1_024;
const LONGEST_PATH = 128;

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

/**
 * Copies values of clients and applications into trees that MongoDB can hold: JSON only, escaped, within the
 * limits, without secrets. One instance an event; its sections share the event's budget of bytes.
 */
export class Normaliser<S> {
  readonly truncated: string[] = [];
  private remaining: number;
  private pathBytes = MOST_PATHS_BYTES;
  private hashedNodes = MOST_HASHED_NODES;
  private nodes = 0;
  private readonly path: string[] = [];
  private readonly ancestors: object[] = [];

  constructor(
    private readonly limits: Limits,
    private readonly masking: Masking<S>,
  ) {
    this.remaining = limits.maxEventBytes - RESERVED_BYTES;
  }

  /** What the sections take so far, in bytes of BSON: an upper estimate. */
  get usedBytes(): number {
    return this.limits.maxEventBytes - RESERVED_BYTES - this.remaining;
  }

  /** @throws what a user's censor throws, and nothing else */
  section(name: string, value: unknown, { keepBytes = 0 }: SectionOptions = {}): Json {
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
        return this.copyText(value, state);
      case 'boolean':
        return value;
      case 'number':
        return Number.isFinite(value) ? value : this.fit(scalarTag(value));
      case 'undefined':
        return null;
      case 'object':
        return value === null ? null : this.copyObject(value, state);
      default:
        return this.fit(scalarTag(value));
    }
  }

  private copyText(text: string, state: S): Json {
    const visible = this.masking.text(text, this.path, state);
    return typeof visible === 'string' ? this.fit(visible) : visible;
  }

  /** The text as it is stored, or as much of it as fits, and a marker. */
  private fit(text: string): string {
    const allowed = Math.min(this.limits.maxStringBytes, this.remaining);
    if (text.length <= allowed) {
      if (isShortAscii(text)) {
        this.remaining -= text.length;
        return text;
      }
      const escaped = escapeText(text);
      const bytes = Buffer.byteLength(escaped);
      if (bytes <= allowed) {
        this.remaining -= bytes;
        return escaped;
      }
    }
    this.noteCut();
    const mark = cutMarker('', text);
    const room = allowed - mark.length;
    const isSearched = text.length <= this.masking.longestText;
    const prefix = isSearched && room > 0 ? escapeText(prefixOf(text, room)) : '';
    return this.charge(Buffer.byteLength(prefix) <= room ? prefix + mark : mark);
  }

  private charge(text: string): string {
    this.remaining -= Buffer.byteLength(text);
    return text;
  }

  private copyObject(value: object, state: S): Json {
    if (this.ancestors.includes(value)) return this.fit('[Circular]');
    const shape = shapeOf(value);
    if (shape.kind === 'tag') return this.copyText(shape.tag, state);
    if (shape.kind === 'bytes') return this.fit(bytesTag(shape.bytes, this.isSecret(shape.bytes, state)));
    if (this.ancestors.length >= this.limits.maxDepth) return this.cut('too deep', value, shape, 0, state);
    this.ancestors.push(value);
    this.remaining -= MARKER_BYTES;
    const copied =
      shape.keys === null ? this.copyItems(value, shape, state) : this.copyMembers(value, shape, state);
    this.remaining += MARKER_BYTES;
    this.ancestors.pop();
    return copied;
  }

  private isSecret(bytes: Buffer, state: S): boolean {
    if (bytes.length > this.masking.longestText) return false;
    const text = bytes.toString();
    return this.masking.text(text, this.path, state) !== text;
  }

  private hasRoom(keyBytes: number): boolean {
    return this.nodes < this.limits.maxNodes && this.remaining >= keyBytes + NODE_BYTES + MARKER_BYTES;
  }

  /** Paths carry the client's keys, so their number and length are bounded too. */
  private noteCut(): void {
    const path = escapeText(this.path.join('.').slice(0, LONGEST_PATH).toWellFormed());
    const bytes = Buffer.byteLength(path) + NODE_BYTES;
    if (bytes > this.pathBytes) return;
    this.pathBytes -= bytes;
    this.truncated.push(path);
  }

  /** Secrets are masked before the hash is taken: what is short could be found by trying. */
  private cut(what: string, value: object, shape: ContainerShape, from: number, state: S): string {
    this.noteCut();
    const readVisible = (_: object, key: string | number): unknown => {
      const member = readMember(value, key);
      const name = String(key);
      const isHidden = this.masking.hides(this.masking.descend(state, name), value, name, member);
      return isHidden ? this.masking.censor(member, [...this.path, name]) : member;
    };
    // the name may be among what was kept
    const read = this.masking.isNamed(value) ? readVisible : readMember;
    const { text, left } = jsonText({ value, shape, from, read }, this.hashedNodes);
    this.hashedNodes = left;
    const visible = text === null ? null : this.masking.text(text, this.path, state);
    return this.charge(cutMarker(what, typeof visible === 'string' ? visible : null));
  }

  private copyItems(items: object, shape: ContainerShape, state: S): Json {
    const copy: Json[] = [];
    const { length } = shape;
    for (let i = 0; i < length; i++) {
      if (!this.hasRoom(INDEX_BYTES)) {
        this.nodes += 1;
        copy.push(this.cut(`${length - i} items`, items, shape, i, state));
        break;
      }
      this.remaining -= INDEX_BYTES;
      const key = String(i);
      copy.push(this.copyMember(items, key, key, readMember(items, i), state));
    }
    return copy;
  }

  private copyMembers(members: object, shape: ContainerShape, state: S): Json {
    const copy: Record<string, Json> = {};
    const keys = shape.keys ?? [];
    let free: FreeKeys | undefined;
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i] as string;
      const value = readMember(members, key);
      // like JSON.stringify: what is not there needs no key
      if (value === undefined) continue;
      const visible = this.masking.key(key);
      const { name } = visible;
      // keys are told apart by themselves until one was masked
      if (name !== key) free ??= new FreeKeys(copy);
      const stored = free === undefined ? visible.stored : free.find(visible.stored, i);
      const keyBytes = stored === visible.stored ? visible.bytes : Buffer.byteLength(stored);
      if (keyBytes > this.limits.maxStringBytes || !this.hasRoom(keyBytes)) {
        this.nodes += 1;
        const mark = (free ?? new FreeKeys(copy)).find('[truncated]', i);
        setOwn(copy, mark, this.cut(`${keys.length - i} members`, members, shape, i, state));
        break;
      }
      this.remaining -= keyBytes;
      setOwn(copy, stored, this.copyMember(members, key, name, value, state));
    }
    return copy;
  }

  private copyMember(parent: object, key: string, name: string, value: unknown, state: S): Json {
    const next = this.masking.descend(state, key);
    this.path.push(name);
    let copied: Json;
    if (this.masking.hides(next, parent, key, value)) {
      this.nodes += 1;
      this.remaining -= NODE_BYTES;
      const mask = this.masking.censor(value, this.path);
      copied = typeof mask === 'string' ? this.fit(mask) : mask;
    } else {
      copied = this.copy(value, next);
    }
    this.path.pop();
    return copied;
  }
}
