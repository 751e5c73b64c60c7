import type { ErrorRequestHandler, Request, RequestHandler, Response } from 'express';
import onHeaders from 'on-headers';
import type { AuditContext } from '../context';
import { AuditError } from '../errors';
import type { AuditEvent } from '../event';
import type { Surroundings } from './held-changes';
import type { MisuseChecks } from './misuse';
import { Recording, type RecordingParts } from './recording';
import { type NoteTaker, type RequestAudit, RequestNotes } from './request-audit';
import type { ResponseWatcher } from './response';

const ID_HEADER = 'X-Audit-Id';

export interface MiddlewareParts extends RecordingParts {
  readonly context: AuditContext<Surroundings>;
  readonly responses: ResponseWatcher;
  readonly misuse: MisuseChecks;
  /** The one way into delivery. MUST NOT throw or wait. */
  readonly accept: (event: AuditEvent) => void;
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
  let usesIntents = parts.settings.intent !== null;
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
        parts.accept(event);
      }),
    );
    onHeaders(res, () => {
      response.headersLeave();
      guarded(() => leave(res, recording));
    });
    parts.misuse.forwarded(req);
    parts.misuse.order(req, middleware);
    if (usesIntents && !isIntentMounted) acceptIntent(recording, false);
  }

  function acceptIntent(recording: Recording, isWanted: boolean): void {
    const event = recording.intent(isWanted);
    if (event !== null) parts.accept(event);
  }

  function leave(res: Response, recording: Recording): void {
    if (parts.settings.header) res.setHeader(ID_HEADER, recording.uuid);
    recording.onHeaders();
  }

  function find(req: Request) {
    const isOwn = (taker: NoteTaker): taker is Recording => taker instanceof Recording && taker.isOf(parts);
    return RequestNotes.find(req.audit, isOwn);
  }

  const middleware: RequestHandler = function auditMiddleware(req, res, next) {
    const known = find(req);
    if (known !== undefined) parts.misuse.twice();
    else guarded(() => arrive(req, res));
    const recording = parts.context.isInUse && known === undefined ? find(req)?.taker : undefined;
    if (recording === undefined) next();
    else parts.context.runRequest(req, recording, next);
  };

  const intentMiddleware: RequestHandler = function auditIntent(req, _res, next) {
    guarded(() => {
      const recording = find(req)?.taker;
      if (recording === undefined) parts.misuse.unrecordedIntent();
      else acceptIntent(recording, true);
    });
    next();
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
