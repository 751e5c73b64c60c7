import type { ErrorRequestHandler, RequestHandler } from 'express';
import type { ChangesOptions, ChangesPlugin } from './changes/plugin';
import type { Action, Association } from './event';
import type { MetricsOptions } from './metrics';
import type { AssociationName, EventName } from './names';
import type { ChangeRecorder } from './observed-change';
import type { UserInput } from './options';
import type { Authenticate } from './query/authenticate';
import type * as dialects from './query/dialects';
import type { OrganizationInfo } from './query/router-options';
import type { AttachableServer } from './record/attach';
import type { DeliveryStats, DrainReport } from './record/delivery-stats';
import type { ObjectInput } from './record/request-audit';
import type { RunAs } from './record/run-call';
import type { EventReader } from './store';

/** The published APIs, by the names of their dialects. */
export type DialectName = (typeof dialects)[keyof typeof dialects]['name'];

/** An event of the application's own, outside of any request. */
export interface RecordInput {
  /** The app's own verb, like `InvoiceSent`. */
  readonly name: EventName;
  /** @default 'access', or as the states say: created, updated, deleted */
  readonly action?: Action;
  /** @default the event itself */
  readonly object?: ObjectInput;
  readonly user?: UserInput | string | number | null;
  readonly tenant?: string | null;
  /** Anything JSON can hold, redacted and normalised like a body. */
  readonly content?: unknown;
  readonly labels?: Readonly<Record<string, string | number>>;
  /** True for what no person did. @default false, or as `audit.run` says */
  readonly system?: boolean;
  /** States of the object around a change, redacted and normalised; their diff is stored with them. */
  readonly before?: object | null;
  readonly after?: object | null;
  /** What the object was tied to, or parted from. */
  readonly association?: {
    readonly name: AssociationName;
    readonly change: Association['change'];
    readonly with: ObjectInput;
  };
}

export interface RouterOptions {
  /** The published API to speak. @default 'audit-events' */
  readonly dialect?: DialectName;
  /** Who may read; there is no default, the trail is closed. */
  readonly authenticate: Authenticate;
  /**
   * What the dialect `organization-audit` shows of the organization in its path: any object, or null where there is
   * none (404). Asked once an answer. @default (id) => ({ id })
   */
  readonly organizationInfo?: OrganizationInfo;
}

export interface DeadlineOptions {
  /** Longest time to wait, in milliseconds. */
  readonly deadlineMs?: number;
}

export interface AuditStats extends Omit<DeliveryStats, 'state'> {
  /** `degraded` while events cannot be stored, kept on the disk, or are being dropped; `rejecting` while `strict` lets no request in. */
  readonly state: DeliveryStats['state'] | 'rejecting';
  /** Requests that were refused because it was not safe that they would be recorded. */
  readonly rejected: number;
  /** Whether MongoDB is connected. */
  readonly connected: boolean;
}

export interface Audit {
  /** Records every request that passes: `app.use(audit.middleware())`, before all routes. */
  middleware(): RequestHandler;
  /**
   * Writes intents where it is mounted, after parsers and authentication, so that they hold the user, the body and
   * what `req.audit` was told by then. Option `intent` picks the requests; without it, every one that passes here.
   * From the first call on, `middleware()` writes none.
   */
  intent(): RequestHandler;
  /** Notes why a request failed and passes the error on: mount it after the routes, before your own error handler. */
  errors(): ErrorRequestHandler;
  /**
   * Serves the trail: `app.use('/audit-events', audit.router({ authenticate }))`, at any path.
   *
   * @throws {AuditOptionError} without `authenticate`, or for an unknown dialect
   */
  router(options: RouterOptions): RequestHandler;
  /**
   * Records an event of kind `event` and returns its uuid.
   *
   * @throws {TypeError} on a wrong call, unless NODE_ENV is `production`: there it is reported, and '' returned
   */
  record(event: RecordInput): string;
  /**
   * Runs a job, or what consumes a queue, in the name of somebody: what it records and changes carries `who`, and one
   * `commitId`. Within a request it is still the request's.
   *
   * @returns what `task` returns, awaited
   * @throws {TypeError} on a wrong `who`, unless NODE_ENV is `production`: there it is reported, and the task run
   */
  run<T>(who: RunAs, task: () => T): Promise<Awaited<T>>;
  /**
   * Records what `server` never hands to the app: upgrades (WebSockets), CONNECT, malformed requests, headers that are
   * too large, requests that time out, and what Node itself refuses. Adds no listeners to the server, so all stays as
   * it was. Attached twice, it records once.
   *
   * @param server of node:http or node:https: what `app.listen()` returns
   * @returns detaches
   * @throws {TypeError} for anything else
   */
  attach(server: AttachableServer): () => void;
  /** Resolves once MongoDB is connected and the indexes were tried, or the audit is closed. Never rejects. */
  ready(): Promise<void>;
  /**
   * Waits until all that was captured so far is stored. What open requests have changed by then is stored too, with
   * the user known by then. @default deadlineMs 30000 (30 seconds)
   */
  flush(options?: DeadlineOptions): Promise<DrainReport>;
  stats(): AuditStats;
  /**
   * Answers `stats()` as JSON, at once: `app.use('/healthz', audit.health())`. 503 while requests are rejected for want
   * of a record, else 200. Figures only, nothing of any event.
   */
  health(): RequestHandler;
  /**
   * Registers Prometheus metrics of `stats()`, read at every scrape. Needs the package prom-client.
   *
   * @throws {AuditOptionError} without prom-client, for a wrong option, or where the registry has such metrics already
   */
  metrics(options?: MetricsOptions): void;
  /** Stores what it can within the deadline, says what was left, and disconnects. Idempotent. @default deadlineMs 10000 (10 seconds) */
  close(options?: DeadlineOptions): Promise<DrainReport>;
  /** The one reader behind all APIs. */
  readonly reader: EventReader;
  /**
   * Records what changed: `schema.plugin(audit.changes())`, before the model is compiled. From the first call on,
   * requests carry their context, so that changes know who made them, from where, and by which request.
   *
   * @throws {AuditOptionError} for an option that is unknown or wrong
   */
  changes(options?: ChangesOptions): ChangesPlugin;
  /**
   * Where what watches a database reports to.
   *
   * @internal
   */
  changeRecorder(): ChangeRecorder;
}
