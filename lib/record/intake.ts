import type { AuditEvent } from '../event';

/** An event that is kept already, while what it tells of goes on. Nothing here throws or waits. */
export interface OpenEvent {
  /** Says it again, whole; its end is still to come. */
  restate(event: AuditEvent): void;
  /** Its end: of what was said last, only what `EventWriter.amend` takes has changed. */
  complete(event: AuditEvent): void;
  /** Its end, whatever has changed. */
  conclude(event: AuditEvent): void;
}

/** The one way into delivery. Nothing here throws or waits. */
export interface Intake {
  /** Takes an event that nothing will change any more. */
  accept(event: AuditEvent): void;
  /** Whether events can be kept before they are over. */
  readonly keepsOpen: boolean;
  /** Keeps an event that is not over, so that it survives the process. Null where that cannot be: `accept` it at its end. */
  open(event: AuditEvent): OpenEvent | null;
}
