import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import type { Request, Response } from 'express';
import { canonicalAddress } from '../address';
import type { AuditEvent, Client, Json } from '../event';
import { originOf } from '../origin';
import { AppAnswers } from './app-answers';
import { actionOf, blankEvent, type DraftEvent, statusOf } from './build-event';
import { allowed, allowedHeaders, allowedTarget } from './capture';
import { visibleAgent } from './client';
import type { FirstAnswer } from './first-answer';
import { type Arrival, readArrival, readQuery, toUri } from './request';
import { SafeCopies, type SafeCopiesParts } from './safe-copies';
import type { Uuid7 } from './uuid';

const SWITCHING_PROTOCOLS = 101;
const TIMEOUT = 'ERR_HTTP_REQUEST_TIMEOUT';

export interface UnseenRequestParts extends SafeCopiesParts {
  readonly uuid7: () => Uuid7;
  readonly clientOf: (agent: string | null) => Client | null;
}

/** What options and stages ask of a request is what Node's own has; what is Express's is undefined. */
function asRequest(req: IncomingMessage): Request {
  if (req.method !== 'CONNECT') return req as Request;
  // its target is host and port alone, which no URI is
  return Object.create(req, { url: { value: `http://${req.url ?? ''}/` } }) as Request;
}

/** An upgrade, a CONNECT, or what Node itself refused, on its way to its event: arrival, answer. */
export class UnseenRecording {
  private readonly startedAt = performance.now();
  private readonly id: Uuid7;
  private readonly copies: SafeCopies;
  private readonly arrival: Arrival;
  private readonly headers: Json;
  private readonly queryParams: Json;

  /** Arrival: copies what handlers may change. */
  constructor(
    private readonly parts: UnseenRequestParts,
    private readonly req: IncomingMessage,
    private readonly fate: 'upgrade' | 'refused',
  ) {
    const { capture } = parts.settings;
    const request = asRequest(req);
    this.id = parts.uuid7();
    this.copies = new SafeCopies(parts);
    this.arrival = readArrival(request, originOf(request));
    this.headers = this.copies.section('headers', allowedHeaders(capture.headers, req.headers));
    this.queryParams = this.copies.section(
      'queryParams',
      capture.query === false ? null : allowed(capture.query, readQuery(request, this.arrival.target)),
    );
  }

  /** Null when the request is left out. */
  answered({ statusCode, isAnswered }: FirstAnswer): AuditEvent | null {
    const durationMs = Math.round((performance.now() - this.startedAt) * 1000) / 1000;
    // never on any socket: it tells option `skip` the status
    const res = new ServerResponse(this.req);
    if (statusCode !== null) res.statusCode = statusCode;
    const app = new AppAnswers(
      this.parts.settings,
      this.parts.reporter,
      this.req as Request,
      res as unknown as Response,
    );
    if (app.skip()) return null;
    const event = this.build(app);
    event.statusCode = statusCode;
    event.durationMs = durationMs;
    event.outcome = this.outcome(statusCode, isAnswered);
    event.status = statusOf(event);
    event.truncated = this.copies.truncated;
    return event;
  }

  /** A CONNECT is a tunnel from its success on. */
  private outcome(statusCode: number | null, isAnswered: boolean): 'upgraded' | 'completed' | 'aborted' {
    if (!isAnswered) return 'aborted';
    const isTunnel = this.arrival.method === 'CONNECT' && statusCode !== null && statusCode < 300;
    return isTunnel || statusCode === SWITCHING_PROTOCOLS ? 'upgraded' : 'completed';
  }

  private build(app: AppAnswers): DraftEvent {
    const { arrival, copies, parts } = this;
    const target = copies.target(allowedTarget(parts.settings.capture.query, arrival.target), []);
    const { uri, isCut } = toUri(arrival.origin, target);
    if (isCut) copies.noteCut('url');
    const event = blankEvent(this.id, 'request', app.name() ?? `${arrival.method} (${this.fate})`);
    event.requestId = copies.text('requestId', arrival.requestId) ?? event.uuid;
    event.traceId = arrival.traceId;
    event.spanId = arrival.spanId;
    event.source = parts.settings.source;
    event.action = app.action() ?? actionOf(arrival.method);
    event.user = app.user();
    event.tenant = app.tenant();
    event.labels = copies.labels(app.labels());
    event.method = arrival.method;
    event.url = uri;
    event.host = arrival.origin.host;
    event.queryParams = this.queryParams;
    event.headers = this.headers;
    event.remoteAddr = arrival.remoteAddr;
    event.peerAddr = arrival.peerAddr;
    event.userAgent = copies.text('userAgent', arrival.userAgent);
    event.client = parts.clientOf(visibleAgent(arrival.userAgent, event.userAgent));
    return event;
  }
}

/**
 * What Node could not read as a request. Only the error's name, message and code are kept: the bytes that were
 * sent may hold anything, and nothing has redacted them.
 */
export class MalformedRecording {
  private readonly id: Uuid7;
  private readonly peerAddr: string | null;

  constructor(
    private readonly parts: UnseenRequestParts,
    private readonly error: NodeJS.ErrnoException,
    socket: Socket,
  ) {
    this.id = parts.uuid7();
    this.peerAddr = canonicalAddress(socket.remoteAddress);
  }

  answered({ statusCode, isAnswered }: FirstAnswer): AuditEvent {
    const copies = new SafeCopies(this.parts);
    const name = this.error.code === TIMEOUT ? 'request timeout' : 'malformed request';
    return {
      ...blankEvent(this.id, 'request', name),
      status: 'failure',
      source: this.parts.settings.source,
      error: copies.error(this.error),
      remoteAddr: this.peerAddr,
      peerAddr: this.peerAddr,
      statusCode,
      outcome: isAnswered ? 'completed' : 'aborted',
      truncated: copies.truncated,
    };
  }
}
