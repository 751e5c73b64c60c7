import type { ErrorRequestHandler, Request, RequestHandler, Response } from 'express';
import onHeaders from 'on-headers';
import type { AuditContext } from '../context';
import { AuditError } from '../errors';
import type { Admission } from './admission';
import type { Surroundings } from './held-changes';
import type { MisuseChecks } from './misuse';
import { type IntentWish, Recording, type RecordingParts } from './recording';
import { type NoteTaker, type RequestAudit, RequestNotes } from './request-audit';
import type { ResponseWatcher } from './response';

const ID_HEADER = 'X-Audit-Id';

export interface MiddlewareParts extends RecordingParts {
  /** At the level `strict`. */
  readonly admission: Admission | null;
  readonly context: AuditContext<Surroundings>;
  readonly responses: ResponseWatcher;
  readonly misuse: MisuseChecks;
}

export interface Recorder {
  readonly middleware: RequestHandler;
  /** Writes the intents where it is mounted; from its first call on, `middleware` writes none. */
  intent(): RequestHandler;
  readonly errors: ErrorRequestHandler;
  /** What notes on the event of a request, if this recorder records it. */
  readonly auditOf: (req: Request) => RequestAudit | undefined;
}

/**
 * Records every request that passes: at its arrival, when its headers leave, and at its end. The app's behaviour
 * stays the same, but for the header `X-Audit-Id`.
 */
export function createRecorder(parts: MiddlewareParts): Recorder {
  const { admission } = parts;
  let usesIntents = parts.settings.intent !== null || admission !== null;
  let isIntentMounted = false;

  function guarded(task: () => void): void {
    try {
      task();
    } catch (cause) {
      const message = 'A request could not be recorded; the app went on without.';
      parts.reporter.error(new AuditError('AUDIT_CAPTURE_FAILED', message, { cause }));
    }
  }

  function arrive(req: Request, res: Response): void {
    // an intent's id is the lower one, wherever it is written
    const intent = usesIntents ? parts.uuid7() : null;
    const ids = { intent, outcome: parts.uuid7() };
    const notes = new RequestNotes(ids.outcome.uuid, req.audit);
    // set first: a handler may call it even where recording fails
    req.audit = notes;
    const recording = new Recording(parts, ids, req, res);
    RequestNotes.attach(notes, recording);
    const response = parts.responses.watch(req, res, (completion) =>
      guarded(() => {
        const event = recording.onEnd(completion);
        if (event === null) return;
        parts.misuse.body(event, recording.contentType, !recording.isBodyRead);
        recording.deliver(event);
      }),
    );
    onHeaders(res, () => {
      response.headersLeave();
      guarded(() => leave(res, recording));
    });
    parts.misuse.forwarded(req);
    parts.misuse.order(req, middleware);
  }

  function acceptIntent(recording: Recording, wish: IntentWish): void {
    const event = recording.intent(wish);
    if (event === null) return;
    parts.intake.accept(event);
    recording.announceOutcome(event);
  }

  /** Whether a request that has to wait may go on; a promise where that takes time. */
  function admit(strict: Admission, recording: Recording | undefined): boolean | Promise<boolean> {
    let isSafe: boolean | Promise<boolean> = false;
    guarded(() => {
      if (recording === undefined || !strict.isOpen) return;
      const event = recording.intent('required');
      if (event === null) {
        isSafe = true;
        return;
      }
      isSafe = strict.announce(event, () => {
        let isKept = false;
        guarded(() => {
          isKept = recording.announceOutcome(event);
        });
        return isKept;
      });
    });
    return isSafe;
  }

  /** Announces what is about to be done, where that is wanted, and goes on: once it is safe, where it has to be. */
  function announce(req: Request, res: Response, goOn: () => void, wish: IntentWish): void {
    const recording = find(req)?.taker;
    if (admission === null || !admission.concerns(req.method)) {
      if (recording !== undefined) guarded(() => acceptIntent(recording, wish));
      goOn();
      return;
    }
    const proceed = (isSafe: boolean): void => {
      if (!isSafe) guarded(() => admission.refuse(res));
      // else its client is gone, and the outcome, that nothing was done, is recorded
      else if (!res.closed) goOn();
    };
    const isSafe = admit(admission, recording);
    if (typeof isSafe === 'boolean') proceed(isSafe);
    // outside of the promise: what a handler throws is Express's
    else isSafe.then((result) => process.nextTick(proceed, result));
  }

  function leave(res: Response, recording: Recording): void {
    if (parts.settings.header) res.setHeader(ID_HEADER, recording.uuid);
    recording.onHeaders(res.statusCode);
  }

  function find(req: Request) {
    const isOwn = (taker: NoteTaker): taker is Recording => taker instanceof Recording && taker.isOf(parts);
    return RequestNotes.find(req.audit, isOwn);
  }

  const middleware: RequestHandler = function auditMiddleware(req, res, next) {
    const isKnown = find(req) !== undefined;
    if (isKnown) parts.misuse.twice();
    else guarded(() => arrive(req, res));
    const recording = parts.context.isInUse && !isKnown ? find(req)?.taker : undefined;
    const goOn = (): void => {
      if (recording === undefined) next();
      else parts.context.runRequest([req, res], recording.changes, next);
    };
    if (isKnown || !usesIntents || isIntentMounted) goOn();
    else announce(req, res, goOn, 'unwanted');
  };

  const intentMiddleware: RequestHandler = function auditIntent(req, res, next) {
    guarded(() => {
      if (find(req) === undefined) parts.misuse.unrecordedIntent();
    });
    announce(req, res, next, 'wanted');
  };

  function intent(): RequestHandler {
    usesIntents = true;
    isIntentMounted = true;
    return intentMiddleware;
  }

  const errors: ErrorRequestHandler = function auditErrors(error, req, _res, next) {
    guarded(() => find(req)?.taker.note('error', error));
    next(error);
  };

  return { middleware, intent, errors, auditOf: (req) => find(req)?.notes };
}
