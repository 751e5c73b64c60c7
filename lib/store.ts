import type { AuditEvent, StoredEvent } from './event';
import type { EventBytes, Place } from './journal';
import type { AuditEventFilter, Page, Position, Scope, Sort, Walk } from './query/filter';

/** What became of one event of a batch. */
export type InsertResult =
  | { readonly outcome: 'stored' }
  /** The store refuses this event for what it is; trying again would give the same answer. */
  | { readonly outcome: 'refused'; readonly reason: string };

/** An event as its store will write it, in as little memory as that takes. */
export interface PreparedEvent {
  readonly uuid: string;
  /** Milliseconds since the epoch. */
  readonly timestamp: number;
  /** The object's type, as stored. */
  readonly objectType: string;
  /** What it costs in memory while it waits, in bytes: an upper estimate. */
  readonly cost: number;
  /** The store's own encoding; null for what cannot be encoded. */
  readonly body: Buffer | null;
  /** Where in it begins what `amend` replaces. */
  readonly tailAt: number;
  /** Why there is no body, and the event as text, to be kept in quarantine. */
  readonly refusal: { readonly reason: string; readonly text: string } | null;
  /** Given by delivery, once it has taken the event or dropped it. */
  sequence: number;
  /** Given by delivery: where the event is kept besides memory. */
  place: Pick<Place, 'spill' | 'release'> | null;
}

export interface EventWriter {
  /**
   * Encodes an event for `insert`, on the request path. MUST NOT throw, wait, or keep anything of the event alive but
   * what it returns.
   *
   * @param writer UUID of the process in whose name it is stored, if that is not this one
   */
  prepare(event: AuditEvent, writer?: string): PreparedEvent;
  /**
   * The same with what the end of a request may change, which is all that it takes of the event: status, action, name,
   * user, onBehalfOf, tenant, object, content, changeCount, labels, error, statusCode, durationMs, responseBytes,
   * outcome and truncated. MUST NOT throw; null for what cannot be encoded, or was not.
   */
  amend(prepared: PreparedEvent, event: AuditEvent): PreparedEvent | null;
  /** What was prepared here or in another process, from what a journal kept of it. MUST NOT throw. */
  restore(event: EventBytes): PreparedEvent;
  /** Starts connecting. MUST NOT throw or reject; MUST go on trying until `close`. */
  start(): void;
  /** Resolves once connected with indexes tried, or when closed. MUST NOT reject. */
  ready(): Promise<void>;
  readonly isConnected: boolean;
  /** Called each time the store becomes reachable, so that delivery need not wait out its backoff. */
  onReachable(listener: () => void): void;
  /**
   * Stores a batch and says what became of each event, in order.
   * MUST count an event as stored only when a majority has it, or has it already under the same uuid.
   * MUST reject when the result of any event is unknown; the caller then offers the whole batch again.
   * MUST reject with `AUDIT_STORE_REJECTED` when one of the events keeps the batch from being sent or taken; the
   * caller then offers it in halves, until that one is alone, and quarantines it.
   * MUST NOT let one event that cannot be stored keep another from being stored for good.
   */
  insert(batch: readonly PreparedEvent[]): Promise<readonly InsertResult[]>;
  /** Keeps an event that `insert` refused, with the reason. MUST reject when it could not be kept. */
  quarantine(event: PreparedEvent, reason: string): Promise<void>;
  /** Says that no insert is under way, so that the safe point may pass this writer's ids. MUST NOT reject. */
  idle(): Promise<void>;
  close(): Promise<void>;
}

/** Limits of one query. */
export interface ReadLimits {
  /** Time the store may spend, in milliseconds. */
  readonly maxTimeMS: number;
}

/** One page of a walk; positions are null at the ends. */
export interface WalkedPage {
  readonly events: readonly StoredEvent[];
  /** Where the page before this one ends. */
  readonly before: Position | null;
  /** Where the page after this one begins. */
  readonly after: Position | null;
}

/**
 * MUST apply the scope to every call, in one place. MUST reject with an `AuditError` of code
 * `AUDIT_STORE_UNAVAILABLE` within 5 seconds when the store cannot be reached, and of code
 * `AUDIT_STORE_TIMEOUT` when a limit was reached. MUST NOT let a value act as an operator.
 */
export interface EventReader {
  find(
    scope: Scope,
    filter: AuditEventFilter,
    sort: Sort,
    page: Page,
    limits: ReadLimits,
  ): Promise<readonly StoredEvent[]>;
  /**
   * MUST meet each event at or below the safe point of the walk's beginning once, in the order of creation time and
   * then uuid, while several processes write, there and back. MUST NOT cost more the further the walk has come.
   */
  walk(scope: Scope, filter: AuditEventFilter, walk: Walk, limits: ReadLimits): Promise<WalkedPage>;
  /** Exact. */
  count(scope: Scope, filter: AuditEventFilter, limits: ReadLimits): Promise<number>;
  get(scope: Scope, uuid: string, limits: ReadLimits): Promise<StoredEvent | null>;
  /** The integers under which object types are published. */
  contentTypes(types: readonly string[], limits: ReadLimits): Promise<ReadonlyMap<string, number>>;
  /**
   * The highest id below which nothing can appear any more. Read it first, then read `id <= safePoint`:
   * ids are handed out in blocks that become visible out of order, so "greater than the last id seen" skips events.
   */
  safePoint(): Promise<number>;
}
