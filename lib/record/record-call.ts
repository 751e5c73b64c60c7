import { AuditCallError } from '../errors';
import type { AuditEvent } from '../event';
import { suggest } from '../suggest';
import { blankEvent } from './build-event';
import { type Notes, readNote } from './notes';
import { isProduction } from './request-audit';
import { SafeCopies, type SafeCopiesParts } from './safe-copies';
import type { Uuid7 } from './uuid';

const FIELDS = [
  'name',
  'action',
  'object',
  'user',
  'tenant',
  'content',
  'labels',
  'system',
] as const satisfies (keyof Notes)[];

export interface RecordCallParts extends SafeCopiesParts {
  readonly uuid7: () => Uuid7;
  readonly accept: (event: AuditEvent) => void;
}

/** @throws {AuditCallError} when a getter throws */
function membersOf(input: object): [string, unknown][] {
  try {
    return Object.entries(input);
  } catch {
    throw new AuditCallError('audit.record: the event could not be read, one of its members throws.');
  }
}

/** @throws {AuditCallError} naming the field, the value and what is allowed */
function read(input: unknown): Notes {
  if (typeof input !== 'object' || input === null) {
    const received = input === null ? 'null' : typeof input;
    throw new AuditCallError(`audit.record: the event must be an object, received ${received}.`);
  }
  const notes: Notes = {};
  for (const [field, value] of membersOf(input)) {
    if (!(FIELDS as readonly string[]).includes(field)) {
      const near = suggest(field, FIELDS);
      const remedy = near === undefined ? `Known are ${FIELDS.join(', ')}.` : `Did you mean '${near}'?`;
      throw new AuditCallError(`audit.record: field '${field}' is not known. ${remedy}`);
    }
    if (value !== undefined) Object.assign(notes, readNote('audit.record', field as keyof Notes, value));
  }
  return notes.name === undefined ? readNote('audit.record', 'name', undefined) : notes;
}

/** `audit.record`: an event of the application's own. */
export function createRecordCall(parts: RecordCallParts): (input: unknown) => string {
  function build({ name = '', ...notes }: Notes): AuditEvent {
    const blank = blankEvent(parts.uuid7(), 'event', name);
    const copies = new SafeCopies(parts);
    return {
      ...blank,
      source: parts.settings.source,
      action: notes.action ?? 'access',
      object: notes.object ?? blank.object,
      user: notes.user ?? null,
      tenant: notes.tenant ?? null,
      content: copies.section('content', notes.content),
      labels: copies.labels(notes.labels ?? {}),
      system: notes.system ?? false,
      truncated: copies.truncated,
    };
  }

  return function record(input) {
    try {
      const event = build(read(input));
      parts.accept(event);
      return event.uuid;
    } catch (error) {
      if (!isProduction()) throw error;
      parts.reporter.error(error as Error);
      return '';
    }
  };
}
