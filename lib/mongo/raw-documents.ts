import { BSON } from './bson-bytes';
import type { Driver } from './connection';

const FIELD = 'documents';
const OBJECT_ID = 0x07;

/** Makes the `documents` of an insert command out of documents that are encoded already. */
export type ToDocuments = (bodies: readonly Buffer[]) => unknown;

function sizeOf(bodies: readonly Buffer[]): number {
  let size = 4 + 1;
  bodies.forEach((body, i) => {
    size += 1 + String(i).length + 1 + body.length;
  });
  return size;
}

/** A list of documents as BSON. @returns its size */
function writeList(target: Buffer, at: number, bodies: readonly Buffer[]): number {
  const size = sizeOf(bodies);
  if (at + size > target.length) throw new RangeError('the batch is larger than the driver can send');
  target.writeInt32LE(size, at);
  let position = at + 4;
  bodies.forEach((body, i) => {
    target[position] = BSON.document;
    position += 1 + target.write(`${i}\0`, position + 1, 'latin1');
    position += body.copy(target, position);
  });
  target[position] = 0;
  return size;
}

function asBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

/**
 * The driver's encoder lets an ObjectId write itself: this one writes the list. So nothing is encoded twice, once to
 * wait in little memory and once more to be sent.
 */
function createRaw(driver: Driver): ToDocuments {
  class RawDocuments extends driver.ObjectId {
    constructor(private readonly bodies: readonly Buffer[]) {
      super('0'.repeat(24));
    }

    /** @param at behind the type and name of the field */
    serializeInto(bytes: Uint8Array, at: number): number {
      const target = asBuffer(bytes);
      const typeAt = at - FIELD.length - 2;
      if (target[typeAt] !== OBJECT_ID) throw new TypeError('the driver encodes in another way');
      target[typeAt] = BSON.list;
      return writeList(target, at, this.bodies);
    }
  }
  return (bodies) => new RawDocuments(bodies);
}

/** Drivers that do not know that get plain documents. */
function createPlain(driver: Driver): ToDocuments {
  return (bodies) => bodies.map((body) => driver.BSON.deserialize(body, { promoteBuffers: false }));
}

/** Asks the driver at hand, by its own encoder, rather than its version. */
export function createToDocuments(driver: Driver): ToDocuments {
  const raw = createRaw(driver);
  const plain = [{ a: 1 }, { b: [{ c: 'x' }] }];
  const bodies = plain.map((document) => Buffer.from(driver.BSON.serialize(document)));
  try {
    const written = driver.BSON.serialize({ insert: 'x', [FIELD]: raw(bodies), ordered: false });
    const expected = driver.BSON.serialize({ insert: 'x', [FIELD]: plain, ordered: false });
    if (Buffer.compare(written, expected) === 0) return raw;
  } catch {
    // it knows no such way
  }
  return createPlain(driver);
}
