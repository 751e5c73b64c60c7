import { BSON } from './bson-bytes';

/** Sizes of what BSON holds (bsonspec.org, version 1.1): of what events are made of, and what their clients send. */
const FIXED: Readonly<Record<number, number>> = {
  [BSON.double]: 8,
  [BSON.boolean]: 1,
  [BSON.date]: 8,
  [BSON.null]: 0,
  [BSON.int32]: 4,
};

function sizeOf(type: number, bytes: Buffer, at: number): number {
  const fixed = FIXED[type];
  if (fixed !== undefined) return fixed;
  if (type === BSON.text) return 4 + bytes.readInt32LE(at);
  if (type === BSON.document || type === BSON.list) return bytes.readInt32LE(at);
  if (type === BSON.binary) return 5 + bytes.readInt32LE(at);
  throw new TypeError(`an element is of type ${type}`);
}

interface Member {
  readonly type: number;
  /** Where its value begins. */
  readonly at: number;
}

/**
 * Finds a member of a document without decoding the others.
 *
 * @param from where the document begins, or one of its elements
 * @throws {TypeError} for what is no document of an event
 */
function find(bytes: Buffer, name: string, from: number): Member | null {
  let at = from;
  while (bytes[at] !== 0) {
    const type = bytes[at] as number;
    const end = bytes.indexOf(0, at + 1);
    if (end === -1 || type === undefined) throw new TypeError('a document does not end');
    const value = end + 1;
    if (bytes.toString('latin1', at + 1, end) === name) return { type, at: value };
    const size = sizeOf(type, bytes, value);
    if (size < 0 || value + size >= bytes.length) throw new TypeError('an element goes beyond its document');
    at = value + size;
  }
  return null;
}

/**
 * The type of the object that an event is about.
 *
 * @param from where one of its elements begins, in front of `object`
 * @throws {TypeError} where there is none
 */
export function objectTypeIn(body: Buffer, from: number): string {
  const object = find(body, 'object', from);
  if (object?.type !== BSON.document) throw new TypeError('an event has no object');
  const type = find(body, 'type', object.at + 4);
  if (type?.type !== BSON.text) throw new TypeError('the object of an event has no type');
  const length = body.readInt32LE(type.at);
  return body.toString('utf8', type.at + 4, type.at + 4 + length - 1);
}
