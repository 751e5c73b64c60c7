import type { ObjectRef } from '../event';
import { shortText } from './short-text';

/** What an event is about, as it is stored: ids of every kind become strings. */
export function toObject({ type, id }: { readonly type: string; readonly id: unknown }): ObjectRef {
  return { type: shortText(type), id: shortText(String(id)) };
}
