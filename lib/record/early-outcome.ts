import type { AuditEvent } from '../event';
import { type DraftEvent, statusOf } from './build-event';
import type { Intake, OpenEvent } from './intake';

/** The event of one request, as it is kept before the request is over. */
export class EarlyOutcome {
  private opened: OpenEvent | null = null;
  /** Whether what was opened is the draft; else it is what was known on arrival. */
  private isDraft = false;

  constructor(private readonly intake: Intake) {}

  /** Whether events can be kept so early. */
  get isPossible(): boolean {
    return this.intake.keepsOpen;
  }

  /** Whether the event can be left out no more: all of it is kept but its end. */
  get isKept(): boolean {
    return this.isDraft;
  }

  /** What becomes of an announced request if nothing more is heard of it. @returns whether that is kept */
  announce(event: DraftEvent): boolean {
    event.outcome = 'unknown';
    event.status = 'failure';
    this.opened = this.intake.open(event);
    return this.opened !== null;
  }

  /** Headers: all but the end is known. */
  keep(draft: DraftEvent, statusCode: number): void {
    draft.statusCode = statusCode;
    draft.outcome = 'unknown';
    draft.status = statusOf(draft);
    if (this.opened === null) this.opened = this.intake.open(draft);
    else this.opened.restate(draft);
    this.isDraft = this.opened !== null;
  }

  /** End. @param event the draft, if there was one */
  deliver(event: AuditEvent): void {
    if (this.opened === null) this.intake.accept(event);
    else if (this.isDraft) this.opened.complete(event);
    else this.opened.conclude(event);
  }
}
