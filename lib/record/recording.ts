import type { Request, Response } from 'express';
import { AuditError } from '../errors';
import type { Actor, AuditEvent, Client, Json } from '../event';
import { originOf } from '../origin';
import { AppAnswers } from './app-answers';
import { type BodySnapshot, type BodyWatch, settled, watchBody } from './body';
import { actionOf, blankEvent, type DraftEvent, statusOf } from './build-event';
import { allowed, allowedHeaders, allowedTarget } from './capture';
import { associationChange, type ChangeParts, toldChange } from './change-event';
import { visibleAgent } from './client';
import { EarlyOutcome } from './early-outcome';
import type { ChangeHold, ChangeHolds } from './held-changes';
import type { Intake } from './intake';
import { type Notes, readNote } from './notes';
import { type Arrival, readArrival, readQuery, toUri } from './request';
import { isProduction, type NoteTaker } from './request-audit';
import type { Completion } from './response';
import { readRoute } from './route';
import { SafeCopies } from './safe-copies';
import type { Uuid7 } from './uuid';

/** What a body leaves of the event's bytes to what the app itself has to say. */
const KEPT_FOR_NOTES_BYTES = 4_096;

/** Ids are taken on arrival: that of an intent is the lower one, wherever it is written. */
export interface EventIds {
  readonly intent: Uuid7 | null;
  readonly outcome: Uuid7;
}

/** Whether an intent is written: as option `intent` says, or else where `audit.intent()` is; or in any case. */
export type IntentWish = 'unwanted' | 'wanted' | 'required';

export interface RecordingParts extends ChangeParts {
  readonly intake: Intake;
  readonly holds: ChangeHolds;
  readonly clientOf: (agent: string | null) => Client | null;
}

/** One request on its way to one event: arrival, headers, end. */
export class Recording implements NoteTaker {
  /** What its changes belong to. */
  readonly changes: ChangeHold;
  private readonly arrival: Arrival;
  private readonly app: AppAnswers;
  private readonly copies: SafeCopies;
  private readonly queryParams: Json;
  private readonly headers: Json;
  private readonly body: BodyWatch<Json>;
  private notes: Notes = {};
  private isChanged = false;
  private isSkipped = false;
  private hasIntent = false;
  private isOver = false;
  private draft: DraftEvent | null = null;
  private content: Json | undefined;
  private readonly early: EarlyOutcome;

  /** Arrival: copies what later handlers may change. */
  constructor(
    private readonly parts: RecordingParts,
    private readonly ids: EventIds,
    private readonly req: Request,
    res: Response,
  ) {
    const { capture } = parts.settings;
    const copies = new SafeCopies(parts);
    this.copies = copies;
    this.early = new EarlyOutcome(parts.intake);
    this.app = new AppAnswers(parts.settings, parts.reporter, req, res);
    this.arrival = readArrival(req, originOf(req));
    const requestId = copies.text('requestId', this.arrival.requestId) ?? this.uuid;
    this.changes = parts.holds.open({ commitId: this.uuid, requestId }, () => this.origin());
    const headers = allowedHeaders(capture.headers, req.headers);
    this.headers = copies.section('headers', headers);
    this.queryParams = copies.section(
      'queryParams',
      capture.query === false ? null : allowed(capture.query, readQuery(req, this.arrival.target)),
    );
    const copyBody = (body: unknown): Json | undefined => {
      const kept = allowed(capture.body, body);
      return kept === undefined
        ? undefined
        : copies.section('postData', kept, { keepBytes: KEPT_FOR_NOTES_BYTES });
    };
    this.body =
      capture.body === false ? settled<Json>(false, { state: 'off', value: null }) : watchBody(req, copyBody);
  }

  /** Whether it was begun by the recorder of these parts. */
  isOf(parts: RecordingParts): boolean {
    return parts === this.parts;
  }

  get uuid(): string {
    return this.ids.outcome.uuid;
  }

  get contentType(): string | undefined {
    return this.arrival.contentType;
  }

  /** Whether anything began to read the bytes of the request's body. */
  get isBodyRead(): boolean {
    return this.body.isRead;
  }

  note(name: keyof Notes, value: unknown): void {
    if (this.isLate(name)) return;
    const noted = this.read(`req.audit.${name}`, name, value);
    if (noted === null) return;
    const labels = { ...this.notes.labels, ...noted.labels };
    this.notes = { ...this.notes, ...noted, labels };
    if (name === 'content') this.content = undefined;
    this.isChanged = true;
  }

  /** @throws {AuditCallError} in development, for a wrong value; null in production */
  private read(call: string, name: keyof Notes, value: unknown): Notes | null {
    try {
      return readNote(call, name, value);
    } catch (error) {
      if (!isProduction()) throw error;
      this.parts.reporter.error(error as Error);
      return null;
    }
  }

  change(call: string, name: 'change' | 'association', value: unknown): void {
    const { change, association } = this.read(call, name, value) ?? {};
    if (change !== undefined) this.changes.hold(toldChange(this.parts, change));
    if (association !== undefined) this.changes.hold(associationChange(this.parts, association));
  }

  /** What its changes share with the request, as it is known by now. */
  private origin(): DraftEvent {
    const { draft } = this;
    if (this.isOver && draft !== null) return draft;
    if (draft !== null && this.isChanged) this.join(draft);
    // copied apart: it may be asked for often, and each copy is charged to its event
    const origin =
      draft === null
        ? this.build(this.ids.outcome, this.body.peek(), new SafeCopies(this.parts))
        : { ...draft };
    origin.user = this.user(origin.user);
    origin.tenant = this.tenant(origin.tenant);
    return origin;
  }

  skip(): void {
    if (!this.isLate('skip')) this.isSkipped = true;
  }

  private isLate(call: string): boolean {
    // what is on the disk cannot be left out any more
    const isLate = this.isOver || (call === 'skip' && this.early.isKept);
    if (isLate) {
      const message = `req.audit.${call}() was called after the event was recorded, and changes nothing.`;
      this.parts.reporter.error(new AuditError('AUDIT_LATE_CALL', message));
    }
    return isLate;
  }

  /** What is about to be done, as far as it is known by now; null where none is to be written, or was before. */
  intent(wish: IntentWish): AuditEvent | null {
    const { intent, outcome } = this.ids;
    if (intent === null || this.hasIntent || this.draft !== null) return null;
    if (this.isSkipped || this.app.skip()) return null;
    if (wish !== 'required' && !this.app.intent(wish === 'wanted')) return null;
    this.hasIntent = true;
    const event = this.build(intent, this.body.peek());
    event.commitId = outcome.uuid;
    event.status = 'intent';
    event.truncated = [...this.copies.truncated];
    return event;
  }

  /**
   * Keeps what becomes of an announced request if nothing more is heard of it.
   *
   * @param intent as `intent` gave it
   * @returns whether it is kept
   */
  announceOutcome(intent: AuditEvent): boolean {
    if (!this.early.isPossible || this.draft !== null) return false;
    const { uuid } = this;
    const isOwnObject = intent.object.id === intent.uuid;
    // nothing more is known yet: to read it all again would cost as much as the intent
    return this.early.announce({
      ...intent,
      uuid,
      object: isOwnObject ? { ...intent.object, id: uuid } : intent.object,
    });
  }

  /** Headers: the status is known, and the user; builds the event, and keeps it where that can be done before its end. */
  onHeaders(statusCode: number): void {
    if (this.draft !== null) return;
    this.draft = this.build(this.ids.outcome, this.body.read());
    if (!this.early.isPossible || this.isLeftOut()) return;
    this.draft.truncated = this.copies.truncated;
    this.early.keep(this.draft, statusCode);
  }

  /** Whether the app wants no event of this request; what was announced has an outcome. */
  private isLeftOut(): boolean {
    return !this.hasIntent && (this.isSkipped || this.app.skip());
  }

  /** End: joins the completion, and what was noted since the headers. Null when the request is left out. */
  onEnd(completion: Completion): AuditEvent | null {
    this.draft ??= this.build(this.ids.outcome, this.body.read());
    const { draft } = this;
    this.isOver = true;
    const isSkipped = !this.early.isKept && this.isLeftOut();
    if (this.isChanged) this.join(draft);
    draft.statusCode = completion.statusCode;
    draft.durationMs = completion.durationMs;
    draft.responseBytes = completion.responseBytes;
    draft.outcome = completion.outcome;
    draft.user = this.user(draft.user);
    draft.tenant = this.tenant(draft.tenant);
    draft.status = statusOf(draft);
    draft.truncated = this.copies.truncated;
    draft.changeCount = this.changes.count || null;
    this.changes.end();
    return isSkipped ? null : draft;
  }

  /** Hands in what `onEnd` gave. */
  deliver(event: AuditEvent): void {
    this.early.deliver(event);
  }

  private build(id: Uuid7, body: BodySnapshot<Json>, copies = this.copies): DraftEvent {
    const { arrival, parts } = this;
    const { route, object, secrets } = copies.route(readRoute(this.req, arrival.target));
    const target = copies.target(allowedTarget(parts.settings.capture.query, arrival.target), secrets);
    const { uri, isCut } = toUri(arrival.origin, target);
    if (isCut) copies.noteCut('url');
    const event = blankEvent(id, 'request', '');
    event.requestId = this.changes.defaults.requestId;
    event.traceId = arrival.traceId;
    event.spanId = arrival.spanId;
    event.source = parts.settings.source;
    event.user = this.user(null);
    event.tenant = this.tenant(null);
    if (object !== null) event.object = object;
    event.method = arrival.method;
    event.url = uri;
    event.route = route;
    event.host = arrival.origin.host;
    event.queryParams = this.queryParams;
    event.postData = body.value;
    event.postDataState = body.state;
    event.headers = this.headers;
    event.remoteAddr = arrival.remoteAddr;
    event.peerAddr = arrival.peerAddr;
    event.userAgent = copies.text('userAgent', arrival.userAgent);
    event.client = parts.clientOf(visibleAgent(arrival.userAgent, event.userAgent));
    this.join(event, copies);
    return event;
  }

  /** The fields that options and `req.audit` decide together; the call by hand wins. */
  private join(event: DraftEvent, copies = this.copies): void {
    const { app, notes } = this;
    event.name = notes.name ?? app.name() ?? `${event.method} ${event.route ?? '(no route)'}`;
    event.action = notes.action ?? app.action() ?? actionOf(event.method ?? '');
    event.object = notes.object ?? event.object;
    event.onBehalfOf = notes.onBehalfOf ?? null;
    event.content = this.contentCopy();
    event.labels = copies.labels({ ...app.labels(), ...notes.labels });
    event.error = copies.error(notes.error);
    this.isChanged = false;
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
