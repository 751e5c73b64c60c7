import type { State } from './driver';
import { isSame } from './states';

/** The classes of the driver that serves the connection. */
export interface Bson {
  deserialize(bytes: Uint8Array, options: object): State;
  readonly ObjectId: new (bytes: Uint8Array) => object;
}

/** Plain values, whatever the connection was told. */
const DECODING = { promoteLongs: true, promoteValues: true, promoteBuffers: false, useBigInt64: false };

/** The first element of a document as the server stores it: an ObjectId under the name `_id`. */
const OBJECT_ID_FIRST = Buffer.from([0x07, 0x5f, 0x69, 0x64, 0x00]);
const ID_AT = 4 + OBJECT_ID_FIRST.length;
const ID_BYTES = 12;

/** A document as it was read, decoded when somebody looks into it: the write need not wait for that. */
export class Snapshot {
  private decoded: State | null = null;

  constructor(
    private readonly bytes: Uint8Array,
    private readonly bson: Bson,
  ) {}

  get state(): State {
    this.decoded ??= this.bson.deserialize(this.bytes, DECODING);
    return this.decoded;
  }

  get id(): unknown {
    const start = this.bytes.subarray(4, ID_AT);
    if (Buffer.compare(start, OBJECT_ID_FIRST) !== 0) return this.state._id;
    return new this.bson.ObjectId(this.bytes.slice(ID_AT, ID_AT + ID_BYTES));
  }

  equals(other: Snapshot): boolean {
    return Buffer.compare(this.bytes, other.bytes) === 0;
  }
}

/** A state as it was read or as it was sent. */
export type Known = State | Snapshot;

export function stateOf(known: Known): State {
  return known instanceof Snapshot ? known.state : known;
}

export function idOf(known: Known): unknown {
  return known instanceof Snapshot ? known.id : known._id;
}

export function isSameState(one: Known, other: Known): boolean {
  if (one instanceof Snapshot && other instanceof Snapshot) return one.equals(other);
  return isSame(stateOf(one), stateOf(other));
}
