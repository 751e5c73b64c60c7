import type { Actor } from '../event';
import { shortText } from './short-text';

/** What `String` makes of an object that has no text of its own: no two of them could be told apart. */
const NO_TEXT = '[object Object]';

/** A whole mongoose document put in place of its id: its text would bring its secrets along. */
function isDocument(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'toObject' in value && '$isNew' in value;
}

/**
 * Ids of every kind become strings: numbers, bigints, ObjectIds, bytes. Null for what is none.
 *
 * @throws what an object's own `toString` throws
 */
export function textOfId(value: unknown): string | null {
  if (value === null || value === undefined || typeof value === 'boolean' || typeof value === 'function')
    return null;
  if (typeof value === 'symbol' || (typeof value === 'number' && !Number.isFinite(value))) return null;
  if (isDocument(value)) return null;
  const text = value instanceof Uint8Array ? Buffer.from(value).toString('hex') : String(value);
  return text === '' || text === NO_TEXT ? null : shortText(text);
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? shortText(value) : null;
}

/** What tells who a user is; an object with none of these was made for something else. */
export const ACTOR_KEYS: readonly string[] = ['id', '_id', 'sub', 'email', 'name'];

/** Whether an app handed in an object that names nobody, not even by null. */
export function isUnknownActor(user: unknown): boolean {
  return typeof user === 'object' && user !== null && !ACTOR_KEYS.some((key) => key in user);
}

/**
 * Who an app says its user is: an object with `id` (or `_id` or `sub`), `email` and `name`, or a bare id.
 * Null when there is neither id, email nor name.
 *
 * @throws what a getter of the object throws
 */
export function toActor(user: unknown): Actor | null {
  if (user === null || user === undefined) return null;
  // an ObjectId has a member of the name `id`, its bytes
  if (typeof user !== 'object' || 'toHexString' in user) {
    const id = textOfId(user);
    return id === null ? null : { id, email: null, name: null };
  }
  const { id, _id, sub, email, name, type } = user as Record<string, unknown>;
  const actor = { id: textOfId(id ?? _id ?? sub), email: textOf(email), name: textOf(name) };
  if (actor.id === null && actor.email === null && actor.name === null) return null;
  return typeof type === 'string' ? { ...actor, type: shortText(type) } : actor;
}
