import { AuditCallError } from '../errors';
import type { Action, Actor, ObjectRef } from '../event';
import { ACTOR_KEYS, isUnknownActor, textOfId, toActor } from './actor';
import { shortText } from './short-text';

/** What an app adds to an event by hand, checked and copied; `undefined` means that it said nothing. */
export interface Notes {
  name?: string;
  action?: Action;
  object?: ObjectRef;
  user?: Actor | null;
  onBehalfOf?: Actor | null;
  tenant?: string | null;
  content?: unknown;
  labels?: Record<string, string | number>;
  error?: unknown;
  system?: boolean;
}

const ACTIONS: ReadonlySet<unknown> = new Set<Action>(['create', 'update', 'delete', 'access']);
const LONGEST_NAME = 256;

/** Says what a note takes. */
class Unfit extends Error {}

function text(value: unknown): string {
  if (typeof value === 'string' && value !== '' && value.length <= LONGEST_NAME) return value;
  throw new Unfit(`must be a string of 1 to ${LONGEST_NAME} characters`);
}

function object(value: unknown): ObjectRef {
  const { type, id } = (value ?? {}) as { type?: unknown; id?: unknown };
  const isType = typeof type === 'string' && type !== '' && type.length <= LONGEST_NAME;
  const text = textOfId(id);
  if (!isType || text === null)
    throw new Unfit('must have a type (a string) and an id (a string, a number or an ObjectId)');
  return { type: shortText(type), id: text };
}

function actor(value: unknown): Actor | null {
  if (isUnknownActor(value) && toActor(value) === null)
    throw new Unfit(`must have one of ${ACTOR_KEYS.join(', ')}`);
  const isId = typeof value === 'string' || Number.isFinite(value);
  if (isId || typeof value === 'object') return toActor(value);
  throw new Unfit('must be a user with an id, an id, or null');
}

function action(value: unknown): Action {
  if (ACTIONS.has(value)) return value as Action;
  throw new Unfit(`must be one of ${[...ACTIONS].join(', ')}`);
}

function labels(value: unknown): Record<string, string | number> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    const copy: Record<string, unknown> = { ...value };
    const isFine = Object.values(copy).every((one) => typeof one === 'string' || Number.isFinite(one));
    if (isFine) return copy as Record<string, string | number>;
  }
  throw new Unfit('must be an object of strings and numbers');
}

function system(value: unknown): boolean {
  if (typeof value === 'boolean') return value;
  throw new Unfit('must be true or false');
}

const READERS: { readonly [K in keyof Notes]-?: (value: unknown) => Notes[K] } = {
  name: (value) => shortText(text(value)),
  action,
  object,
  user: actor,
  onBehalfOf: actor,
  tenant: (value) => (value === null ? null : shortText(text(value))),
  content: (value) => value,
  labels,
  error: (value) => value,
  system,
};

/**
 * A note as it is kept: nothing that happens to the value later changes it, but for content and errors.
 *
 * @param call the call as its caller wrote it, for the message: `req.audit.action`
 * @throws {AuditCallError} when the value is none that the note takes
 */
export function readNote(call: string, name: keyof Notes, value: unknown): Notes {
  try {
    return { [name]: READERS[name](value) };
  } catch (cause) {
    const problem = cause instanceof Unfit ? cause.message : 'could not be read';
    const received = typeof value === 'string' ? JSON.stringify(value.slice(0, 40)) : typeof value;
    throw new AuditCallError(`${call}: ${name} ${problem}, received ${received}.`);
  }
}
