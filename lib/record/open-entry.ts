import type { AuditEvent } from '../event';
import type { EventBytes, Place } from '../journal';
import type { EventWriter, PreparedEvent } from '../store';
import type { OpenEvent } from './intake';

export interface OpenEntryParts {
  readonly encoder: Pick<EventWriter, 'prepare' | 'amend'>;
  readonly prepared: PreparedEvent;
  readonly place: Place;
  /** Runs what is done for all requests together in the context of none. */
  readonly outside: <T>(task: () => T) => T;
}

/** An event that a journal keeps before it is over. */
export class OpenEntry implements OpenEvent {
  private readonly encoder: OpenEntryParts['encoder'];
  private readonly place: Place;
  private readonly outside: OpenEntryParts['outside'];
  private prepared: PreparedEvent;

  /** @param onEnd given the event as it is in the end */
  constructor(
    { encoder, prepared, place, outside }: OpenEntryParts,
    private readonly onEnd: (event: PreparedEvent) => void,
  ) {
    this.encoder = encoder;
    this.place = place;
    this.outside = outside;
    this.prepared = prepared;
  }

  restate(event: AuditEvent): void {
    const again = this.prepareAgain(event);
    if (again === null) return;
    // where the disk fails it still has what was said before
    this.outside(() => this.place.replace(again as EventBytes, true));
    this.prepared = again;
  }

  complete(event: AuditEvent): void {
    const ended = this.encoder.amend(this.prepared, event) ?? this.prepared;
    this.outside(() => this.end(ended));
  }

  conclude(event: AuditEvent): void {
    const again = this.prepareAgain(event) ?? this.prepared;
    const isSame = this.prepared.body?.equals(again.body as Buffer) === true;
    this.outside(() => {
      if (!isSame && this.place.replace(again as EventBytes, false)) this.hand(again);
      else this.end(again);
    });
  }

  private prepareAgain(event: AuditEvent): PreparedEvent | null {
    const again = this.encoder.prepare(event);
    again.sequence = this.prepared.sequence;
    return again.body === null ? null : again;
  }

  private end(event: PreparedEvent): void {
    const { body, tailAt } = event as EventBytes;
    this.place.complete(body.subarray(tailAt));
    this.hand(event);
  }

  private hand(event: PreparedEvent): void {
    event.place = this.place;
    this.onEnd(event);
  }
}
