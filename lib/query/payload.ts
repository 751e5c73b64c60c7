import type { StoredEvent } from '../event';
import type { Reader } from './dialect';

const PAYLOAD = ['postData', 'headers', 'before', 'after', 'diff'] as const;
/** Paths of what was cut tell the names of fields. */
const PAYLOAD_PATH = new RegExp(`^(?:${PAYLOAD.join('|')})(?![A-Za-z])`);

/** An event as its reader may see it: with `fields: 'no-payload'`, bodies, headers and states are unknown. */
export function visibleTo({ fields }: Reader, event: StoredEvent): StoredEvent {
  if (fields === undefined) return event;
  return {
    ...event,
    ...Object.fromEntries(PAYLOAD.map((field) => [field, null])),
    truncated: event.truncated.filter((path) => !PAYLOAD_PATH.test(path)),
  };
}
