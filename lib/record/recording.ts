import type { Request, Response } from 'express';
import { AuditError } from '../errors';
import type { Actor, AuditEvent, Client, Json } from '../event';
import { originOf } from '../origin';
import { AppAnswers } from './app-answers';
import { type BodyWatch, watchBody } from './body';
import { actionOf, blankEvent, statusOf } from './build-event';
import { allowed, allowedHeaders, allowedTarget } from './capture';
import { detached } from './detached';
import type { SectionOptions } from './normalise';
import { type Notes, readNote } from './notes';
import { type Arrival, readArrival, readQuery, toUri } from './request';
import { isProduction, type NoteTaker } from './request-audit';
import type { Completion } from './response';
import { readRoute } from './route';
import { SafeCopies, type SafeCopiesParts } from './safe-copies';
import type { Uuid7 } from './uuid';

const MAX_URL_CHARS = 1_000;
/** What a body leaves of the event's bytes to what the app itself has to say. */
const KEPT_FOR_NOTES_BYTES = 4_096;
const JSON_TYPE = /^application\/(?:[\w.+-]+\+)?json\b/i;

export interface RecordingParts extends SafeCopiesParts {
  readonly clientOf: (agent: string | null) => Client | null;
}

/** One request on its way to one event: arrival, headers, end. */
export class Recording implements NoteTaker {
  private readonly arrival: Arrival;
  private readonly app: AppAnswers;
  private readonly copies: SafeCopies;
  private readonly queryParams: Json;
  private readonly headers: Json;
  private readonly body: BodyWatch<Json>;
  private notes: Notes = {};
  private isChanged = false;
  private isSkipped = false;
  private isOver = false;
  private draft: AuditEvent | null = null;
  private content: Json | undefined;

  /** Arrival: copies what later handlers may change. */
  constructor(
    private readonly parts: RecordingParts,
    private readonly id: Uuid7,
    private readonly req: Request,
    res: Response,
  ) {
    const { capture } = parts.settings;
    const copies = new SafeCopies(parts);
    this.copies = copies;
    this.app = new AppAnswers(parts.settings, parts.reporter, req, res);
    this.arrival = readArrival(req, originOf(req));
    const headers = allowedHeaders(capture.headers, req.headers);
    this.headers = copies.section('headers', headers, { isOfSlices: false });
    this.queryParams = copies.section(
      'queryParams',
      capture.query === false ? null : allowed(capture.query, readQuery(req, this.arrival.target)),
    );
    const copyBody = (body: unknown): Json | undefined => {
      const kept = allowed(capture.body, body);
      return kept === undefined ? undefined : copies.section('postData', kept, this.bodyOptions());
    };
    this.body =
      capture.body === false
        ? { isRead: false, read: () => ({ state: 'off', value: null }) }
        : watchBody(req, copyBody);
  }

  /** Whether it was begun by the recorder of these parts. */
  isOf(parts: RecordingParts): boolean {
    return parts === this.parts;
  }

  get uuid(): string {
    return this.id.uuid;
  }

  get contentType(): string | undefined {
    return this.arrival.contentType;
  }

  /** Parsers of JSON make strings of their own, those of forms and texts cut them out of the body. */
  private bodyOptions(): SectionOptions {
    return { keepBytes: KEPT_FOR_NOTES_BYTES, isOfSlices: !JSON_TYPE.test(this.contentType ?? '') };
  }

  /** Whether anything began to read the bytes of the request's body. */
  get isBodyRead(): boolean {
    return this.body.isRead;
  }

  note(name: keyof Notes, value: unknown): void {
    if (this.isLate(name)) return;
    let noted: Notes;
    try {
      noted = readNote(`req.audit.${name}`, name, value);
    } catch (error) {
      if (!isProduction()) throw error;
      this.parts.reporter.error(error as Error);
      return;
    }
    const labels = { ...this.notes.labels, ...noted.labels };
    this.notes = { ...this.notes, ...noted, labels };
    if (name === 'content') this.content = undefined;
    this.isChanged = true;
  }

  skip(): void {
    if (!this.isLate('skip')) this.isSkipped = true;
  }

  private isLate(call: string): boolean {
    if (this.isOver) {
      const message = `req.audit.${call}() was called after the event was recorded, and changes nothing.`;
      this.parts.reporter.error(new AuditError('AUDIT_LATE_CALL', message));
    }
    return this.isOver;
  }

  /** Headers: the status is known, and the user; builds the event. */
  onHeaders(): void {
    this.draft ??= this.build();
  }

  /** End: joins the completion, and what was noted since the headers. Null when the request is left out. */
  onEnd(completion: Completion): AuditEvent | null {
    const draft = this.draft ?? this.build();
    this.isOver = true;
    if (this.isSkipped || this.app.skip()) return null;
    const event = Object.assign(draft, this.isChanged ? this.noted(draft) : null, completion);
    const user = this.user(draft.user);
    const tenant = this.tenant(draft.tenant);
    return Object.assign(event, { user, tenant, status: statusOf(event), truncated: this.copies.truncated });
  }

  private build(): AuditEvent {
    const { arrival, copies, id, parts } = this;
    const { route, object, secrets } = copies.route(readRoute(this.req, arrival.target));
    const target = copies.target(allowedTarget(parts.settings.capture.query, arrival.target), secrets);
    const { uri, isCut } = toUri(arrival.origin, target, MAX_URL_CHARS);
    if (isCut) copies.noteCut('url');
    const body = this.body.read();
    const blank = blankEvent(id, 'request', '');
    const event: AuditEvent = {
      ...blank,
      requestId: copies.text('requestId', arrival.requestId) ?? id.uuid,
      traceId: arrival.traceId,
      spanId: arrival.spanId,
      source: parts.settings.source,
      user: this.user(null),
      tenant: this.tenant(null),
      object: object ?? blank.object,
      method: arrival.method,
      url: uri,
      route,
      host: detached(arrival.origin.host),
      queryParams: this.queryParams,
      postData: body.value,
      postDataState: body.state,
      headers: this.headers,
      remoteAddr: arrival.remoteAddr,
      peerAddr: arrival.peerAddr,
      userAgent: copies.text('userAgent', arrival.userAgent),
      client: parts.clientOf(arrival.userAgent),
    };
    Object.assign(event, this.noted(event));
    this.isChanged = false;
    return event;
  }

  /** The fields that options and `req.audit` decide together; the call by hand wins. */
  private noted({ method, route, object }: AuditEvent): Partial<AuditEvent> {
    const { app, copies, notes } = this;
    return {
      name: notes.name ?? app.name() ?? `${method} ${route ?? '(no route)'}`,
      action: notes.action ?? app.action() ?? actionOf(method ?? ''),
      object: notes.object ?? object,
      onBehalfOf: notes.onBehalfOf ?? null,
      content: this.contentCopy(),
      labels: copies.labels({ ...app.labels(), ...notes.labels }),
      error: copies.error(notes.error),
    };
  }

  /** Copied once, however often other fields are noted: a second copy would be charged to the event again. */
  private contentCopy(): Json {
    this.content ??= this.copies.section('content', this.notes.content);
    return this.content;
  }

  private user(known: Actor | null): Actor | null {
    const { user } = this.notes;
    return user === undefined ? (this.app.user() ?? known) : user;
  }

  private tenant(known: string | null): string | null {
    const { tenant } = this.notes;
    return tenant === undefined ? (this.app.tenant() ?? known) : tenant;
  }
}
