import { escapeText } from '../escape';
import type { ObjectRef } from '../event';

const LONGEST_TEXT = 256;

/** What an event is about, as it is stored: ids of every kind become strings. */
export function toObject({ type, id }: { readonly type: string; readonly id: unknown }): ObjectRef {
  return { type: escapeText(type.slice(0, LONGEST_TEXT)), id: escapeText(String(id).slice(0, LONGEST_TEXT)) };
}
