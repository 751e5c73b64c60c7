/** Element types of BSON (bsonspec.org, version 1.1). */
export const BSON = {
  double: 0x01,
  text: 0x02,
  document: 0x03,
  list: 0x04,
  binary: 0x05,
  boolean: 0x08,
  date: 0x09,
  null: 0x0a,
  int32: 0x10,
} as const;

export const UUID_SUBTYPE = 4;

/** Largest document of MongoDB, in bytes (16 MiB). */
const MOST_BYTES = 16 * 1024 * 1024;
/** MongoDB's own limit of nested documents and lists. */
const DEEPEST = 100;
const FIRST_BYTES = 64 * 1024;
/** What grew beyond this for one large event is not kept for small ones. */
const KEPT_BYTES = 1024 * 1024;
/** Up to here a loop is faster than a call of Node's own. */
const SHORT_TEXT = 128;
const INT32_LIMIT = 2 ** 31;
const DIGIT_ZERO = 48;
const UNDERSCORE = 95;

/**
 * One BSON document at a time, for what events are made of: JSON, dates and uuids. By hand, because the driver's own
 * encoder, which must expect anything, takes the process longer than all the rest of recording an event.
 */
export class BsonBytes {
  bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
  length = 0;
  private depth = 0;

  /** Begins anew, behind what every document begins with. */
  begin(head: Uint8Array): void {
    if (this.bytes.length > KEPT_BYTES) this.bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
    this.bytes.set(head);
    this.length = head.length;
    this.depth = 0;
  }

  /** Writes the document's end and its size. */
  end(): void {
    this.reserve(1);
    this.bytes[this.length] = 0;
    this.length += 1;
    this.setInt32(0, this.length);
  }

  /** @param name as `elementName` gives it, for texts */
  text(name: Uint8Array, value: string | null): void {
    if (value === null) return;
    if (typeof value !== 'string') throw new TypeError('a text is none');
    this.name(name);
    this.textValue(value);
  }

  /** @param name for booleans */
  boolean(name: Uint8Array, value: boolean | null): void {
    if (value === null) return;
    this.name(name);
    this.bytes[this.length++] = value ? 1 : 0;
  }

  /** @param name for dates */
  date(name: Uint8Array, value: Date): void {
    this.name(name);
    this.dateValue(value);
  }

  /** @param name for binaries of 16 bytes */
  uuid(name: Uint8Array, uuid: string): void {
    this.name(name);
    this.reserve(5 + 16);
    this.setInt32(this.length, 16);
    this.bytes[this.length + 4] = UUID_SUBTYPE;
    writeUuid(this.bytes, this.length + 5, uuid);
    this.length += 5 + 16;
  }

  /** @throws what getters throw, and a TypeError for what BSON, or the driver that reads it, cannot hold */
  member(key: string, value: unknown): void {
    if (value === undefined) return;
    const typeAt = this.key(key);
    const type = this.value(value);
    // only now: the value may have needed larger bytes
    this.bytes[typeAt] = type;
  }

  private name(name: Uint8Array): void {
    this.reserve(name.length + 8);
    const { bytes, length } = this;
    for (let i = 0; i < name.length; i++) bytes[length + i] = name[i] as number;
    this.length = length + name.length;
  }

  /** @returns where the type of the element goes */
  private key(key: string): number {
    if (key.charCodeAt(0) === UNDERSCORE && key === '_bsontype') throw new TypeError('a key is _bsontype');
    this.reserve(key.length * 3 + 2 + 8);
    const typeAt = this.length;
    const start = typeAt + 1;
    const end = this.characters(key, start);
    for (let i = start; i < end; i++) if (this.bytes[i] === 0) throw new TypeError('a key holds a NUL');
    this.bytes[end] = 0;
    this.length = end + 1;
    return typeAt;
  }

  private index(i: number): number {
    if (i > 9) return this.key(String(i));
    this.reserve(3 + 8);
    const typeAt = this.length;
    this.bytes[typeAt + 1] = DIGIT_ZERO + i;
    this.bytes[typeAt + 2] = 0;
    this.length = typeAt + 3;
    return typeAt;
  }

  /** @returns its type */
  private value(value: unknown): number {
    switch (typeof value) {
      case 'string':
        this.textValue(value);
        return BSON.text;
      case 'number':
        return this.numberValue(value);
      case 'boolean':
        this.bytes[this.length++] = value ? 1 : 0;
        return BSON.boolean;
      case 'object':
        return value === null ? BSON.null : this.objectValue(value);
      default:
        throw new TypeError(`a value is a ${typeof value}`);
    }
  }

  private objectValue(value: object): number {
    if (value instanceof Date) {
      this.dateValue(value);
      return BSON.date;
    }
    if (ArrayBuffer.isView(value)) throw new TypeError('a value is bytes');
    if (this.depth === DEEPEST) throw new TypeError(`it is nested more than ${DEEPEST} levels deep`);
    this.depth += 1;
    const start = this.length;
    this.reserve(5);
    this.length += 4;
    const type = Array.isArray(value) ? this.items(value) : this.members(value);
    this.reserve(1);
    this.bytes[this.length++] = 0;
    this.setInt32(start, this.length - start);
    this.depth -= 1;
    return type;
  }

  private items(items: readonly unknown[]): number {
    for (let i = 0; i < items.length; i++) {
      const typeAt = this.index(i);
      const type = this.value(items[i] ?? null);
      this.bytes[typeAt] = type;
    }
    return BSON.list;
  }

  private members(members: object): number {
    for (const key of Object.keys(members)) this.member(key, (members as Record<string, unknown>)[key]);
    return BSON.document;
  }

  private textValue(value: string): void {
    this.reserve(value.length * 3 + 5 + 8);
    const start = this.length + 4;
    const end = this.characters(value, start);
    this.bytes[end] = 0;
    this.setInt32(this.length, end + 1 - start);
    this.length = end + 1;
  }

  /** @returns where they end */
  private characters(text: string, start: number): number {
    const { bytes } = this;
    const { length } = text;
    if (length > SHORT_TEXT) return start + bytes.write(text, start);
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      if (code > 127) return start + bytes.write(text, start);
      bytes[start + i] = code;
    }
    return start + length;
  }

  private numberValue(value: number): number {
    this.reserve(8);
    if (Number.isInteger(value) && value >= -INT32_LIMIT && value < INT32_LIMIT && !Object.is(value, -0)) {
      this.setInt32(this.length, value);
      this.length += 4;
      return BSON.int32;
    }
    this.bytes.writeDoubleLE(value, this.length);
    this.length += 8;
    return BSON.double;
  }

  private dateValue(value: Date): void {
    this.reserve(8);
    writeDate(this.bytes, this.length, value.getTime());
    this.length += 8;
  }

  private setInt32(at: number, value: number): void {
    const { bytes } = this;
    bytes[at] = value;
    bytes[at + 1] = value >>> 8;
    bytes[at + 2] = value >>> 16;
    bytes[at + 3] = value >>> 24;
  }

  private reserve(bytes: number): void {
    const needed = this.length + bytes;
    if (needed <= this.bytes.length) return;
    // three bytes a character is the most; what is larger even with one cannot be stored
    if (this.length > MOST_BYTES || bytes > 3 * MOST_BYTES + 64)
      throw new TypeError('it is larger than 16 MiB');
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.bytes.length * 2));
    this.bytes.copy(larger, 0, 0, this.length);
    this.bytes = larger;
  }

  /** @throws {TypeError} for more than MongoDB takes */
  checkSize(): void {
    if (this.length > MOST_BYTES) throw new TypeError('it is larger than 16 MiB');
  }
}

/** Type, name and terminator of an element whose name is known beforehand. */
export function elementName(type: number, name: string): Uint8Array {
  return Buffer.concat([Buffer.from([type]), Buffer.from(`${name}\0`)]);
}

/** Milliseconds as a 64 bit integer. */
export function writeDate(bytes: Buffer, at: number, ms: number): void {
  if (!Number.isSafeInteger(ms)) throw new TypeError('a date is none');
  bytes.writeInt32LE(Math.floor(ms / 2 ** 32), at + 4);
  bytes.writeUInt32LE(ms >>> 0, at);
}

const DASH = 45;

function nibble(code: number): number {
  // 0-9, then a-f and A-F
  return code < 58 ? code - 48 : (code | 32) - 87;
}

/** The 16 bytes of a uuid. */
export function writeUuid(bytes: Uint8Array, at: number, uuid: string): void {
  let position = at;
  for (let i = 0; i < uuid.length; i++) {
    const code = uuid.charCodeAt(i);
    if (code === DASH) continue;
    i += 1;
    bytes[position++] = (nibble(code) << 4) | nibble(uuid.charCodeAt(i));
  }
}

export function readUuid(bytes: Buffer, at: number): string {
  const hex = bytes.toString('hex', at, at + 16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
