import mongoose from 'mongoose';
import type { StoredEvent } from '../event';
import type { EventBytes } from '../journal';
import { READ_OPTIONS } from './connection';
import { fromDocument } from './document';

/** An event as it is kept before MongoDB has it: what is given to it by then is not known. */
export type KeptEvent = Omit<StoredEvent, 'id' | 'recordedAt'>;

/** @throws {Error} for bytes that are no event */
export function readBytes({ body, sequence }: EventBytes): KeptEvent {
  const { id, recordedAt, ...event } = fromDocument(mongoose.mongo.BSON.deserialize(body, READ_OPTIONS));
  return { ...event, sequence };
}
