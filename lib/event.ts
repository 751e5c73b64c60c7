/** Version of the stored event's shape; raised when a field changes its meaning. */
export const SCHEMA_VERSION = 1;

/** What JSON can hold: the only shape in which client and application data are stored. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** What produced an event. A `gap` names events that were lost. */
export type EventKind = 'request' | 'change' | 'event' | 'gap';

/** `intent` is written before a handler runs; an outcome is `failure` from status 400, or when aborted. */
export type EventStatus = 'intent' | 'success' | 'failure';

/** POST is `create`, PUT and PATCH `update`, DELETE `delete`, everything else `access`. */
export type Action = 'create' | 'update' | 'delete' | 'access';

/** How a response ended; `unknown` means the process died first. */
export type Outcome = 'completed' | 'aborted' | 'upgraded' | 'unknown';

/** Why `postData` holds what it holds: `null` alone cannot tell a JSON `null` from no body at all. */
export type PostDataState = 'absent' | 'captured' | 'unread' | 'off';

export interface Actor {
  readonly id: string | null;
  readonly email: string | null;
  readonly name: string | null;
  readonly type?: string;
}

export interface ObjectRef {
  readonly type: string;
  readonly id: string;
}

export interface Association {
  readonly name: string;
  readonly change: 'associated' | 'disassociated';
  readonly with: ObjectRef;
}

/** One difference, in the kinds of the npm package deep-diff. */
export interface DiffEntry {
  readonly kind: 'N' | 'D' | 'E' | 'A';
  readonly path?: readonly (string | number)[];
  readonly lhs?: Json;
  readonly rhs?: Json;
  readonly index?: number;
  readonly item?: DiffEntry;
}

export interface EventError {
  readonly name: string;
  readonly message: string;
  readonly code: string | null;
}

/** What the User-Agent header says about the program that sent the request. */
export interface Client {
  readonly browser: string | null;
  readonly os: string | null;
  readonly device: string | null;
  readonly kind: 'browser' | 'mobile' | 'tablet' | 'tv' | 'device' | 'bot' | 'api' | 'unknown';
}

/** What a `gap` event declares: every sequence from `first` to `last` of its writer was lost. */
export interface Gap {
  readonly first: number;
  readonly last: number;
  readonly from: Date;
  readonly to: Date;
  readonly reason: DropReason;
}

/** Why an event was not kept: no room, no time, or a file that was damaged or taken away. */
export type DropReason = 'queue_full' | 'closed' | 'spool_damaged';

/**
 * One fact: a request that was handled, a document that changed, or something the application reported.
 * Events are only ever added, never changed.
 */
export interface AuditEvent {
  /** UUID v7 (RFC 9562), strictly increasing within one audit; the key that makes a retried insert harmless. */
  readonly uuid: string;
  readonly version: number;
  /** Arrival of the request; for other kinds, when it was recorded. UTC, milliseconds. */
  readonly timestamp: Date;
  readonly kind: EventKind;
  readonly status: EventStatus;
  /** UUID that joins an intent, its outcome and the changes of one request. */
  readonly commitId: string;
  readonly requestId: string;
  readonly traceId: string | null;
  readonly spanId: string | null;
  readonly source: string | null;
  readonly action: Action;
  readonly name: string;
  readonly user: Actor | null;
  readonly onBehalfOf: Actor | null;
  /** True for what no person did. */
  readonly system: boolean;
  readonly tenant: string | null;
  readonly object: ObjectRef;
  readonly association: Association | null;
  readonly content: Json;
  readonly before: Json;
  readonly after: Json;
  readonly diff: readonly DiffEntry[] | null;
  readonly exact: boolean | null;
  readonly partial: boolean | null;
  readonly changeCount: number | null;
  readonly labels: { readonly [name: string]: string | number };
  readonly error: EventError | null;
  readonly method: string | null;
  /** Absolute and redacted, at most 1,000 characters. */
  readonly url: string | null;
  readonly route: string | null;
  readonly host: string | null;
  readonly queryParams: Json;
  readonly postData: Json;
  readonly postDataState: PostDataState;
  readonly headers: Json;
  readonly remoteAddr: string | null;
  readonly peerAddr: string | null;
  readonly userAgent: string | null;
  readonly client: Client | null;
  readonly statusCode: number | null;
  readonly durationMs: number | null;
  /** Bytes the socket sent for this response, headers included; null when requests were pipelined. */
  readonly responseBytes: number | null;
  readonly outcome: Outcome | null;
  /** Paths of what was cut to fit. */
  readonly truncated: readonly string[];
  readonly gap: Gap | null;
}

/** An event as the store returns it. `writer` and `sequence` let a reader prove that nothing is missing. */
export interface StoredEvent extends AuditEvent {
  /** UUID of the recording process. */
  readonly writer: string;
  /** From 1, without holes but for those a `gap` names. */
  readonly sequence: number;
  /** Unique integer; roughly in order of arrival, not in order of visibility (see `safePoint`). */
  readonly id: number;
  readonly recordedAt: Date;
}
