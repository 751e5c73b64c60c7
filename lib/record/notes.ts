import { AuditCallError } from '../errors';
import type { Action } from '../event';
import type { UserInput } from '../options';

/** What an app adds to an event by hand; `undefined` means that it said nothing. */
export interface Notes {
  name?: string;
  action?: Action;
  object?: { type: string; id: string };
  user?: UserInput | string | number | null;
  onBehalfOf?: UserInput | string | number | null;
  tenant?: string | null;
  content?: unknown;
  labels?: Record<string, string | number>;
  error?: unknown;
  system?: boolean;
}

const ACTIONS: readonly string[] = ['create', 'update', 'delete', 'access'] satisfies Action[];
const LONGEST_NAME = 256;

type Check = (value: unknown) => string | null;

function isId(value: unknown): boolean {
  if (typeof value === 'string') return value !== '';
  return (
    typeof value === 'number' || typeof value === 'bigint' || (typeof value === 'object' && value !== null)
  );
}

const text: Check = (value) =>
  typeof value === 'string' && value !== '' && value.length <= LONGEST_NAME
    ? null
    : `must be a string of 1 to ${LONGEST_NAME} characters`;

const actor: Check = (value) =>
  value === null || ['string', 'number', 'object'].includes(typeof value)
    ? null
    : 'must be a user with an id, an id, or null';

const labels: Check = (value) => {
  const isRecord = typeof value === 'object' && value !== null && !Array.isArray(value);
  const isFine =
    isRecord && Object.values(value).every((one) => typeof one === 'string' || typeof one === 'number');
  return isFine ? null : 'must be an object of strings and numbers';
};

const object: Check = (value) => {
  const { type, id } = (value ?? {}) as { type?: unknown; id?: unknown };
  return text(type) === null && isId(id)
    ? null
    : 'must have a type (a string) and an id (a string or number)';
};

const CHECKS: Readonly<Record<keyof Notes, Check>> = {
  name: text,
  action: (value) => (ACTIONS.includes(value as string) ? null : `must be one of ${ACTIONS.join(', ')}`),
  object,
  user: actor,
  onBehalfOf: actor,
  tenant: (value) => (value === null ? null : text(value)),
  content: () => null,
  labels,
  error: () => null,
  system: (value) => (typeof value === 'boolean' ? null : 'must be true or false'),
};

export const NOTE_NAMES: readonly string[] = Object.keys(CHECKS);

/**
 * @param call the call as its caller wrote it, for the message: `req.audit.action`
 * @throws {AuditCallError} when the value is none that the note takes
 */
export function checkNote(call: string, name: keyof Notes, value: unknown): void {
  const problem = CHECKS[name](value);
  if (problem === null) return;
  const received = typeof value === 'string' ? JSON.stringify(value.slice(0, 40)) : typeof value;
  throw new AuditCallError(`${call}: ${name} ${problem}, received ${received}.`);
}
