import type { Actor } from '../event';
import { shortText } from './short-text';

/**
 * Ids of every kind become strings: numbers, bigints, ObjectIds.
 *
 * @throws what an object's own `toString` throws
 */
export function textOfId(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  const text = String(value);
  return text === '' ? null : shortText(text);
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? shortText(value) : null;
}

/**
 * Who an app says its user is: an object with `id` (or `_id` or `sub`), `email` and `name`, or a bare id.
 * Null when there is neither id, email nor name.
 *
 * @throws what a getter of the object throws
 */
export function toActor(user: unknown): Actor | null {
  if (user === null || user === undefined || user === false) return null;
  if (typeof user !== 'object') {
    const id = typeof user === 'function' || typeof user === 'symbol' ? null : textOfId(user);
    return id === null ? null : { id, email: null, name: null };
  }
  const { id, _id, sub, email, name, type } = user as Record<string, unknown>;
  const actor = { id: textOfId(id ?? _id ?? sub), email: textOf(email), name: textOf(name) };
  if (actor.id === null && actor.email === null && actor.name === null) return null;
  return typeof type === 'string' ? { ...actor, type: shortText(type) } : actor;
}
