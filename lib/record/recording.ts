import type { Request, Response } from 'express';
import { AuditError, type Reporter } from '../errors';
import { escapeText } from '../escape';
import type { Action, Actor, AuditEvent, Client, EventError, Json } from '../event';
import type { Settings } from '../options';
import { originOf } from '../origin';
import { toActor } from './actor';
import { type BodySnapshot, watchBody } from './body';
import { actionOf, blankEvent, statusOf } from './build-event';
import { allowed, allowedTarget } from './capture';
import { toEventError } from './failure';
import { Normaliser } from './normalise';
import { checkNote, type Notes } from './notes';
import { toObject } from './object';
import type { PathNode } from './redact/paths';
import type { Redaction } from './redact/redact';
import { type Arrival, readArrival, readQuery, toUri } from './request';
import { isProduction, type NoteTaker } from './request-audit';
import type { Completion } from './response';
import { type MatchedRoute, readRoute } from './route';
import type { Uuid7 } from './uuid';

const MAX_URL_CHARS = 1_000;
/** What a body leaves of the event's bytes to what the app itself has to say. */
const KEPT_FOR_NOTES_BYTES = 4_096;
const MASKED_SECTION = '[REDACTED]';

export interface RecordingParts {
  readonly settings: Settings;
  readonly reporter: Reporter;
  readonly createRedaction: () => Redaction;
  readonly clientOf: (agent: string | null) => Client | null;
}

/** One request on its way to one event: arrival, headers, end. */
export class Recording implements NoteTaker {
  private readonly arrival: Arrival;
  private readonly redaction: Redaction;
  private readonly normaliser: Normaliser<readonly PathNode[]>;
  private readonly queryParams: Json;
  private readonly headers: Json;
  private readonly body: { read(): BodySnapshot<Json> };
  private notes: Notes = {};
  private isChanged = false;
  private isSkipped = false;
  private isOver = false;
  private draft: AuditEvent | null = null;
  private content: { readonly source: unknown; readonly copy: Json } = { source: undefined, copy: null };

  /** Arrival: copies what later handlers may change. */
  constructor(
    private readonly parts: RecordingParts,
    private readonly id: Uuid7,
    private readonly req: Request,
    private readonly res: Response,
  ) {
    const { capture, limits } = parts.settings;
    this.arrival = readArrival(req, originOf(req));
    this.redaction = parts.createRedaction();
    this.normaliser = new Normaliser(limits, this.redaction);
    this.headers = this.section('headers', allowed(capture.headers, this.arrival.headers));
    this.queryParams = this.section(
      'queryParams',
      capture.query === false ? null : allowed(capture.query, readQuery(req, this.arrival.target)),
    );
    this.body =
      capture.body === false
        ? { read: () => ({ state: 'off', value: null }) }
        : watchBody(req, (body) =>
            this.section('postData', allowed(capture.body, body), KEPT_FOR_NOTES_BYTES),
          );
  }

  get uuid(): string {
    return this.id.uuid;
  }

  get contentType(): string | undefined {
    const type = this.arrival.headers['content-type'];
    return typeof type === 'string' ? type : undefined;
  }

  note<K extends keyof Notes>(name: K, value: Notes[K]): void {
    if (this.isOver) {
      const message = `req.audit.${name}() was called after the event was recorded, and changes nothing.`;
      this.parts.reporter.error(new AuditError('AUDIT_LATE_CALL', message));
      return;
    }
    try {
      checkNote(`req.audit.${name}`, name, value);
    } catch (error) {
      if (!isProduction()) throw error;
      this.parts.reporter.error(error as Error);
      return;
    }
    this.notes = {
      ...this.notes,
      [name]: name === 'labels' ? { ...this.notes.labels, ...(value as object) } : value,
    };
    this.isChanged = true;
  }

  skip(): void {
    this.isSkipped = true;
  }

  /** Headers: the status is known, and the user; builds the event. */
  onHeaders(): void {
    this.draft ??= this.build();
  }

  /** End: joins the completion, and what was noted since the headers. Null when the request is left out. */
  onEnd(completion: Completion): AuditEvent | null {
    const draft = this.draft ?? this.build();
    this.isOver = true;
    if (this.isSkipped || this.asked('skip', (skip) => skip(this.req, this.res)) === true) return null;
    const user = 'user' in this.notes ? toActor(this.notes.user) : (this.userFromOption() ?? draft.user);
    const tenant = this.tenant() ?? draft.tenant;
    const joined = { ...draft, ...completion, user, tenant, ...(this.isChanged ? this.noted(draft) : null) };
    return Object.assign(joined, { status: statusOf(joined), truncated: this.normaliser.truncated });
  }

  private build(): AuditEvent {
    const { arrival, id, parts, req, redaction } = this;
    const matched = this.withoutSecrets(readRoute(req, arrival.target));
    const target = redaction.url(
      allowedTarget(parts.settings.capture.query, arrival.target),
      matched.secrets,
    );
    const { uri, isCut } = toUri(arrival.origin, target, MAX_URL_CHARS);
    if (isCut) this.normaliser.truncated.push('url');
    const body = this.body.read();
    const blank = blankEvent(id, 'request', '');
    const event: AuditEvent = {
      ...blank,
      requestId: this.visible(arrival.requestId) ?? id.uuid,
      traceId: arrival.traceId,
      spanId: arrival.spanId,
      source: parts.settings.source,
      user: this.userFromOption(),
      tenant: this.tenant(),
      object: matched.object ?? blank.object,
      method: arrival.method,
      url: uri,
      route: matched.route,
      host: arrival.origin.host,
      queryParams: this.queryParams,
      postData: body.value,
      postDataState: body.state,
      headers: this.headers,
      remoteAddr: arrival.remoteAddr,
      peerAddr: arrival.peerAddr,
      userAgent: this.visible(arrival.userAgent),
      client: parts.clientOf(arrival.userAgent),
    };
    const noted = this.noted(event);
    this.isChanged = false;
    return { ...event, ...noted };
  }

  /** The fields that options and `req.audit` decide together; the call by hand wins. */
  private noted(event: AuditEvent): Partial<AuditEvent> {
    const { notes } = this;
    const fallback = `${event.method} ${event.route ?? '(no route)'}`;
    return {
      name: escapeText(notes.name ?? this.asked('name', (name) => name(this.req)) ?? fallback).slice(
        0,
        1_024,
      ),
      action: notes.action ?? this.action(event.method ?? ''),
      object: notes.object === undefined ? event.object : toObject(notes.object),
      user: 'user' in notes ? toActor(notes.user) : event.user,
      onBehalfOf: toActor(notes.onBehalfOf),
      content: this.contentCopy(),
      labels: this.labels(),
      error: notes.error === undefined ? null : this.error(notes.error),
    };
  }

  /** Copied once, however often other fields are noted: a second copy would be charged to the event again. */
  private contentCopy(): Json {
    const { content } = this.notes;
    if (content !== this.content.source)
      this.content = { source: content, copy: this.section('content', content) };
    return this.content.copy;
  }

  private action(method: string): Action {
    const asked = this.asked('action', (action) => action(this.req));
    return asked === 'create' || asked === 'update' || asked === 'delete' || asked === 'access'
      ? asked
      : actionOf(method);
  }

  private labels(): AuditEvent['labels'] {
    const asked = this.asked('labels', (labels) => labels(this.req));
    const all = { ...asked, ...this.notes.labels };
    if (Object.keys(all).length === 0) return {};
    const copied = this.section('labels', all);
    return typeof copied === 'object' && copied !== null ? (copied as AuditEvent['labels']) : {};
  }

  private error(error: unknown): EventError | null {
    const copied = this.section('error', toEventError(error, this.redaction));
    if (typeof copied === 'object') return copied as unknown as EventError;
    return { name: 'Error', message: MASKED_SECTION, code: null };
  }

  private userFromOption(): Actor | null {
    return toActor(this.asked('user', (user) => user(this.req)));
  }

  private tenant(): string | null {
    const tenant =
      'tenant' in this.notes ? this.notes.tenant : this.asked('tenant', (read) => read(this.req));
    return typeof tenant === 'string' && tenant !== '' ? escapeText(tenant.slice(0, 256)) : null;
  }

  /** Asks one of the user's functions; what it throws is reported, and costs its own field only. */
  private asked<K extends 'skip' | 'user' | 'tenant' | 'labels' | 'name' | 'action', T>(
    option: K,
    ask: (callback: NonNullable<Settings[K]>) => T,
  ): T | null {
    const callback = this.parts.settings[option];
    if (callback === null) return null;
    try {
      return ask(callback as NonNullable<Settings[K]>);
    } catch (cause) {
      this.parts.reporter.error(
        new AuditError('AUDIT_CALLBACK_FAILED', `Option '${option}' threw; its field is left empty.`, {
          cause,
        }),
      );
      return null;
    }
  }

  /** A redacted, normalised copy; what cannot be copied, or redacted by a user's censor, is masked whole. */
  private section(name: string, value: unknown, keepBytes = 0): Json {
    if (value === null || value === undefined) return null;
    try {
      return this.normaliser.section(name, value, keepBytes);
    } catch (cause) {
      const message = `Section '${name}' could not be redacted; it is masked as a whole.`;
      this.parts.reporter.error(new AuditError('AUDIT_CAPTURE_FAILED', message, { cause }));
      return MASKED_SECTION;
    }
  }

  private visible(text: string | null): string | null {
    if (text === null) return null;
    const visible = this.redaction.text(text, []);
    return typeof visible === 'string' ? escapeText(visible) : MASKED_SECTION;
  }

  /** Parameters that are secrets by their names are neither an object's id nor left in the url. */
  private withoutSecrets({ route, object, params }: MatchedRoute) {
    const secrets = new Set<string>();
    for (const [name, value] of Object.entries(params)) {
      if (this.redaction.isSecretKey(name)) secrets.add(value);
    }
    const isSecret = object !== null && (secrets.has(object.id) || this.redaction.isSecretText(object.id));
    return {
      route: route === null ? null : escapeText(this.redaction.url(route)),
      object: object === null || isSecret ? null : toObject(object),
      secrets,
    };
  }
}
