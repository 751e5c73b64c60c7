import { AuditCallError } from '../errors';
import type { Action, Actor, Association, ObjectRef } from '../event';
import { suggest } from '../suggest';
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
  source?: string | null;
  association?: Association;
  before?: object | null;
  after?: object | null;
  change?: { readonly object: ObjectRef; readonly before: unknown; readonly after: unknown };
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

/** Lists and bytes are not asked for their members: these may be many. */
function isRecord(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value);
}

function labels(value: unknown): Record<string, string | number> {
  if (isRecord(value)) {
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

function association(value: unknown): Association {
  const { name, change, with: other } = (value ?? {}) as { [field in keyof Association]?: unknown };
  if (change !== 'associated' && change !== 'disassociated')
    throw new Unfit('must say whether it is associated or disassociated');
  if (typeof name !== 'string' || name === '' || name.length > LONGEST_NAME)
    throw new Unfit(`must have a name of 1 to ${LONGEST_NAME} characters`);
  return { name: shortText(name), change, with: object(other) };
}

function state(value: unknown): object | null {
  if (typeof value === 'object') return value;
  throw new Unfit('must be an object, or null');
}

function change(value: unknown): NonNullable<Notes['change']> {
  const { before = null, after = null } = (value ?? {}) as { before?: unknown; after?: unknown };
  if (typeof before !== 'object' || typeof after !== 'object')
    throw new Unfit('must have states that are objects, or null');
  if (before === null && after === null) throw new Unfit('must have a state before, a state after, or both');
  return { object: object(value), before, after };
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
  source: (value) => (value === null ? null : shortText(text(value))),
  association,
  before: state,
  after: state,
  change,
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

/** @throws {AuditCallError} when it is no object, or a member of it throws */
function membersOf(call: string, what: string, input: unknown): [string, unknown][] {
  let received: string = input === null ? 'null' : typeof input;
  try {
    if (isRecord(input)) return Object.entries(input);
    if (typeof input === 'object' && input !== null) received = 'a list, or bytes';
  } catch {
    throw new AuditCallError(`${call}: ${what} could not be read, one of its members throws.`);
  }
  throw new AuditCallError(`${call}: ${what} must be an object, received ${received}.`);
}

/**
 * The fields of one object, each a note.
 *
 * @param what the object, as its caller knows it
 * @throws {AuditCallError} naming the field, the value and what is allowed
 */
export function readNotes<F extends keyof Notes>(
  call: string,
  what: string,
  { input, fields }: { readonly input: unknown; readonly fields: readonly F[] },
): Pick<Notes, F> {
  const notes: Notes = {};
  for (const [name, value] of membersOf(call, what, input)) {
    const field = fields.find((one) => one === name);
    if (field === undefined) {
      const near = suggest(name, fields);
      const remedy = near === undefined ? `Known are ${fields.join(', ')}.` : `Did you mean '${near}'?`;
      throw new AuditCallError(`${call}: field '${name}' is not known. ${remedy}`);
    }
    if (value !== undefined) Object.assign(notes, readNote(call, field, value));
  }
  return notes;
}
