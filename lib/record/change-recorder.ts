import type { AuditContext } from '../context';
import { AuditError } from '../errors';
import type { ChangeRecorder } from '../observed-change';
import { type ChangeParts, moreChanges, observedChange } from './change-event';
import { type HeldChange, originate, type Surroundings } from './held-changes';
import type { Intake } from './intake';

export interface ChangeRecorderParts extends ChangeParts {
  readonly context: AuditContext<Surroundings>;
  /** The one way into delivery. MUST NOT throw or wait. */
  readonly intake: Intake;
}

/** Records what is observed as made by the request or job around it; what nobody asked for is the system's. */
export function createChangeRecorder(parts: ChangeRecorderParts): ChangeRecorder {
  function place(change: HeldChange): void {
    const { current } = parts.context;
    if (current === undefined) parts.intake.accept(originate(change, { system: true }));
    else current.hold(change);
  }

  function guarded(make: () => HeldChange): void {
    try {
      place(make());
    } catch (cause) {
      const message = 'A change could not be recorded; the app went on without.';
      parts.reporter.error(new AuditError('AUDIT_CAPTURE_FAILED', message, { cause }));
    }
  }

  return {
    record: (change) => guarded(() => observedChange(parts, change)),
    recordMore: (more) => guarded(() => moreChanges(parts, more)),
  };
}
