import type { AuditContext } from '../context';
import type { AuditEvent } from '../event';
import { blankEvent } from './build-event';
import { actionOfStates, copyStates, TOLD } from './change-copies';
import type { Surroundings } from './held-changes';
import type { Intake } from './intake';
import { type Notes, readNote, readNotes } from './notes';
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
  'association',
  'before',
  'after',
] as const satisfies (keyof Notes)[];

export interface RecordCallParts extends SafeCopiesParts {
  readonly uuid7: () => Uuid7;
  readonly context: AuditContext<Surroundings>;
  readonly intake: Intake;
}

/** @throws {AuditCallError} naming the field, the value and what is allowed */
function read(input: unknown): Notes {
  const notes: Notes = readNotes('audit.record', 'the event', { input, fields: FIELDS });
  return notes.name === undefined ? readNote('audit.record', 'name', undefined) : notes;
}

/** What a job does is done by whom it runs for, but where the call says otherwise. */
function readWho(
  notes: Notes,
  defaults: Surroundings['defaults'],
): Pick<AuditEvent, 'user' | 'tenant' | 'system'> {
  const { user = defaults.user ?? null, tenant = defaults.tenant ?? null } = notes;
  const isOwn = notes.user !== undefined && notes.user !== null;
  return { user, tenant, system: notes.system ?? (isOwn ? false : (defaults.system ?? false)) };
}

type StatesOfEvent = Pick<AuditEvent, 'action' | 'before' | 'after' | 'diff' | 'truncated'>;

/** Copied by the same rules as what a plugin observes; most events have none. */
function readStates(parts: SafeCopiesParts, { before = null, after = null }: Notes): StatesOfEvent {
  if (before === null && after === null)
    return { action: 'access', before: null, after: null, diff: null, truncated: [] };
  const { bytes: _, ...copies } = copyStates(parts, { before, after, ...TOLD });
  return { action: actionOfStates({ before, after }), ...copies };
}

/** `audit.record`: an event of the application's own. */
export function createRecordCall(parts: RecordCallParts): (input: unknown) => string {
  function build({ name = '', ...notes }: Notes): AuditEvent {
    const blank = blankEvent(parts.uuid7(), 'event', name);
    const copies = new SafeCopies(parts);
    const { defaults = {} } = parts.context.current ?? {};
    const states = readStates(parts, notes);
    return {
      ...blank,
      source: parts.settings.source,
      ...defaults,
      ...states,
      action: notes.action ?? states.action,
      object: notes.object ?? blank.object,
      ...readWho(notes, defaults),
      association: notes.association ?? null,
      content: copies.section('content', notes.content),
      labels: copies.labels(notes.labels ?? {}),
      truncated: [...copies.truncated, ...states.truncated],
    };
  }

  return function record(input) {
    try {
      const event = build(read(input));
      parts.intake.accept(event);
      return event.uuid;
    } catch (error) {
      if (!isProduction()) throw error;
      parts.reporter.error(error as Error);
      return '';
    }
  };
}
