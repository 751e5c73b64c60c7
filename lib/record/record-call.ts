import { AuditCallError, AuditError, type Reporter } from '../errors';
import { escapeText } from '../escape';
import type { AuditEvent, Json } from '../event';
import type { Settings } from '../options';
import { suggest } from '../suggest';
import { toActor } from './actor';
import { blankEvent } from './build-event';
import { Normaliser } from './normalise';
import { checkNote, type Notes } from './notes';
import { toObject } from './object';
import type { Redaction } from './redact/redact';
import { isProduction } from './request-audit';
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

export interface RecordCallParts {
  readonly settings: Settings;
  readonly reporter: Reporter;
  readonly createRedaction: () => Redaction;
  readonly uuid7: () => Uuid7;
  readonly accept: (event: AuditEvent) => void;
}

/** @throws {AuditCallError} naming the field, the value and what is allowed */
function check(input: unknown): asserts input is Notes & { name: string } {
  if (typeof input !== 'object' || input === null) {
    throw new AuditCallError(
      `audit.record: the event must be an object, received ${input === null ? 'null' : typeof input}.`,
    );
  }
  for (const [field, value] of Object.entries(input)) {
    if (!(FIELDS as readonly string[]).includes(field)) {
      const near = suggest(field, FIELDS);
      throw new AuditCallError(
        `audit.record: field '${field}' is not known. ${near === undefined ? `Known are ${FIELDS.join(', ')}.` : `Did you mean '${near}'?`}`,
      );
    }
    if (value !== undefined) checkNote('audit.record', field as keyof Notes, value);
  }
  checkNote('audit.record', 'name', (input as Notes).name);
}

/** `audit.record`: an event of the application's own. */
export function createRecordCall(parts: RecordCallParts): (input: unknown) => string {
  const { settings, reporter } = parts;

  function build(notes: Notes & { name: string }): AuditEvent {
    const blank = blankEvent(parts.uuid7(), 'event', escapeText(notes.name));
    const normaliser = new Normaliser(settings.limits, parts.createRedaction());
    const section = (name: string, value: unknown): Json => {
      try {
        return value === undefined ? null : normaliser.section(name, value);
      } catch (cause) {
        reporter.error(
          new AuditError(
            'AUDIT_CAPTURE_FAILED',
            `Section '${name}' could not be redacted; it is masked as a whole.`,
            { cause },
          ),
        );
        return '[REDACTED]';
      }
    };
    const labels = section('labels', notes.labels ?? {});
    return {
      ...blank,
      source: settings.source,
      action: notes.action ?? 'access',
      object: notes.object === undefined ? blank.object : toObject(notes.object),
      user: toActor(notes.user),
      tenant: notes.tenant === undefined || notes.tenant === null ? null : escapeText(notes.tenant),
      content: section('content', notes.content),
      labels: typeof labels === 'object' && labels !== null ? (labels as AuditEvent['labels']) : {},
      system: notes.system ?? false,
      truncated: normaliser.truncated,
    };
  }

  return function record(input) {
    try {
      check(input);
      const event = build(input);
      parts.accept(event);
      return event.uuid;
    } catch (error) {
      if (!isProduction()) throw error;
      reporter.error(error as Error);
      return '';
    }
  };
}
