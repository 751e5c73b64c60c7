import type { Request } from 'express';
import { AuditError } from './errors';
import type { AuditEvent } from './event';
import { originOf } from './origin';
import type { Reading, RecordReading } from './query/reading';
import { blankEvent } from './record/build-event';
import { allowedTarget } from './record/capture';
import { readNote } from './record/notes';
import type { RecordCallParts } from './record/record-call';
import { readArrival, toUri } from './record/request';
import { SafeCopies } from './record/safe-copies';

/** Records a reading of the trail as an event of its own, for routers without the middleware in front. */
export function createReadingCall(parts: RecordCallParts): RecordReading {
  function build(req: Request, { content, statusCode, ...who }: Reading): AuditEvent {
    const blank = blankEvent(parts.uuid7(), 'event', 'AuditRead');
    const copies = new SafeCopies(parts);
    const arrival = readArrival(req, originOf(req));
    const target = copies.target(allowedTarget(parts.settings.capture.query, arrival.target), []);
    const { uri, isCut } = toUri(arrival.origin, target);
    if (isCut) copies.noteCut('url');
    const noted = (['user', 'tenant', 'object'] as const).map((name) =>
      readNote('audit.router', name, who[name]),
    );
    return {
      ...blank,
      ...Object.assign({}, ...noted),
      requestId: copies.text('requestId', arrival.requestId) ?? blank.uuid,
      traceId: arrival.traceId,
      spanId: arrival.spanId,
      source: parts.settings.source,
      status: statusCode < 400 ? 'success' : 'failure',
      content: copies.section('content', content),
      method: arrival.method,
      url: uri,
      host: arrival.origin.host,
      remoteAddr: arrival.remoteAddr,
      peerAddr: arrival.peerAddr,
      userAgent: copies.text('userAgent', arrival.userAgent),
      statusCode,
      truncated: copies.truncated,
    };
  }

  return function recordReading(req, reading) {
    try {
      parts.intake.accept(build(req, reading));
    } catch (cause) {
      const message = 'A reading could not be recorded; it was answered all the same.';
      parts.reporter.error(new AuditError('AUDIT_CAPTURE_FAILED', message, { cause }));
    }
  };
}
