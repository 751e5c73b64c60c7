import type { ErrorRequestHandler, RequestHandler } from 'express';
import { type ChangesOptions, type ChangesPlugin, createChangesPlugin } from './changes/plugin';
import { AuditContext } from './context';
import { spoolDirectory } from './durability';
import type { Reporter } from './errors';
import type { Action, Association } from './event';
import type { Journal } from './journal';
import { StoreConnection } from './mongo/connection';
import { ContentTypes } from './mongo/content-types';
import { Ids } from './mongo/ids';
import { collectionNames } from './mongo/names';
import { MongoReader } from './mongo/reader';
import { MongoWriter } from './mongo/writer';
import type { AssociationName, EventName } from './names';
import type { ChangeRecorder } from './observed-change';
import { type AuditOptions, parseOptions, type Settings, type UserInput } from './options';
import type { Authenticate } from './query/authenticate';
import type { Dialect } from './query/dialect';
import * as dialects from './query/dialects';
import { createRouter } from './query/router';
import { type OrganizationInfo, parseRouterOptions } from './query/router-options';
import { createReadingCall } from './reading-call';
import { Admission } from './record/admission';
import { createChangeRecorder } from './record/change-recorder';
import { createClientParser } from './record/client';
import { Delivery, type DeliveryStats, type DrainReport } from './record/deliver';
import { ChangeHolds, type Surroundings } from './record/held-changes';
import { createIdentityMask } from './record/identities';
import { createRecorder } from './record/middleware';
import { MisuseChecks } from './record/misuse';
import { createRecordCall } from './record/record-call';
import { createRedactor } from './record/redact/redactor';
import type { ObjectInput } from './record/request-audit';
import { ResponseWatcher } from './record/response';
import { createRunCall, type RunAs } from './record/run-call';
import type { SpoolFs } from './record/spool/fs';
import { createSpool } from './record/spool/spool';
import { createUuid7 } from './record/uuid';
import { createReporter } from './report';
import type { EventReader } from './store';

/** The published APIs, by the names of their dialects. */
export type DialectName = (typeof dialects)[keyof typeof dialects]['name'];

/** The default first. */
const { auditEvents, ...others } = dialects;
const DIALECTS: readonly [Dialect, ...Dialect[]] = [auditEvents, ...Object.values(others)];
const DEFAULT_FLUSH_MS = 30_000;
const DEFAULT_CLOSE_MS = 10_000;

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
  /** Resolves once MongoDB is connected and the indexes were tried, or the audit is closed. Never rejects. */
  ready(): Promise<void>;
  /**
   * Waits until all that was captured so far is stored. What open requests have changed by then is stored too, with
   * the user known by then. @default deadlineMs 30000 (30 seconds)
   */
  flush(options?: DeadlineOptions): Promise<DrainReport>;
  stats(): AuditStats;
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

/** @throws {AuditOptionError} when the directory cannot hold a socket */
function createJournal(settings: Settings, writerId: string, reporter: Reporter): Journal | null {
  const directory = spoolDirectory(settings);
  if (directory === null) return null;
  const { fs, ...options } = settings.spool;
  return createSpool({ ...options, directory, writerId, reporter, ...(fs && { fs: fs as SpoolFs }) });
}

function statsOf(
  delivery: Delivery,
  admission: Admission | null,
  { isConnected }: StoreConnection,
): AuditStats {
  const { state, ...counts } = delivery.stats();
  const isRejecting = admission !== null && !admission.isOpen;
  const rejected = admission?.rejected ?? 0;
  return { state: isRejecting ? 'rejecting' : state, ...counts, rejected, connected: isConnected };
}

/**
 * Creates an audit: recording starts with the first request, connecting at once.
 *
 * @throws {AuditOptionError} when an option is unknown or wrong, naming it, its value and the remedy
 */
export function createAudit(options: AuditOptions): Audit {
  const settings = parseOptions(options);
  const reporter = createReporter(settings);
  const uuid7 = createUuid7();
  const names = collectionNames(settings.collection);
  const connection = new StoreConnection({ mongo: settings.mongo, reporter });
  const writerId = uuid7().uuid;
  const ids = new Ids(names.counters, writerId);
  const contentTypes = new ContentTypes(names);
  const reader = new MongoReader({ connection, names, ids, contentTypes });
  const writer = new MongoWriter({
    connection,
    names,
    writerId,
    ids,
    contentTypes,
    reporter,
    ensureIndexes: settings.ensureIndexes,
  });
  const { limits, flushIntervalMs, source } = settings;
  const journal = createJournal(settings, writerId, reporter);
  const createRedaction = createRedactor(settings.redact, settings.dangerouslyRecordSecrets);
  const context = new AuditContext<Surroundings>();
  const intake = new Delivery({
    ...{ writer, journal, reporter, uuid7, source, limits, flushIntervalMs },
    mask: createIdentityMask({ settings, reporter, createRedaction }),
    outside: context.outside,
  });
  const copying = { settings, reporter, createRedaction, uuid7, context, intake };
  const holds = new ChangeHolds({ reporter, intake, maxBytes: limits.maxQueueBytes });
  const changes = createChangeRecorder(copying);
  const createPlugin = createChangesPlugin(changes, reporter);
  const admission = settings.durability === 'strict' ? new Admission({ settings, delivery: intake }) : null;
  const recorder = createRecorder({
    ...copying,
    admission,
    holds,
    clientOf: createClientParser(),
    responses: new ResponseWatcher(),
    misuse: new MisuseChecks(reporter),
  });
  const recordReading = settings.auditReads ? createReadingCall(copying) : null;
  writer.start();
  journal?.start();

  return {
    middleware: () => recorder.middleware,
    intent: () => recorder.intent(),
    errors: () => recorder.errors,
    router(routerOptions) {
      return createRouter({
        ...parseRouterOptions(routerOptions, DIALECTS),
        reader,
        reporter,
        limits: { maxTimeMS: settings.maxTimeMS },
        auditOf: recorder.auditOf,
        recordReading,
      });
    },
    record: createRecordCall(copying),
    run: createRunCall(copying),
    ready: () => writer.ready(),
    async flush({ deadlineMs = DEFAULT_FLUSH_MS } = {}) {
      // a response that its client has seen ends within this turn of the event loop
      await new Promise(setImmediate);
      holds.flush();
      return intake.flush(deadlineMs);
    },
    stats: () => statsOf(intake, admission, connection),
    async close({ deadlineMs = DEFAULT_CLOSE_MS } = {}) {
      holds.close();
      const report = await intake.close(deadlineMs);
      await writer.close();
      return report;
    },
    reader,
    changes(options) {
      context.start();
      return createPlugin(options);
    },
    changeRecorder() {
      context.start();
      return changes;
    },
  };
}
