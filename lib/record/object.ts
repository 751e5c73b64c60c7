import type { ObjectRef } from '../event';
import { shortText } from './short-text';

/** What an event is about, as it is stored. */
export function toObject({ type, id }: ObjectRef): ObjectRef {
  return { type: shortText(type), id: shortText(id) };
}
