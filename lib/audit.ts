import type { Audit, AuditStats } from './audit-interface';
import { createChangesPlugin } from './changes/plugin';
import { AuditContext } from './context';
import { spoolDirectory } from './durability';
import type { Reporter } from './errors';
import { createHealth } from './health';
import type { Journal } from './journal';
import { createMetrics } from './metrics';
import { StoreConnection } from './mongo/connection';
import { ContentTypes } from './mongo/content-types';
import { Ids } from './mongo/ids';
import { collectionNames } from './mongo/names';
import { MongoReader } from './mongo/reader';
import { MongoWriter } from './mongo/writer';
import { type AuditOptions, parseOptions, type Settings } from './options';
import type { Dialect } from './query/dialect';
import * as dialects from './query/dialects';
import { createRouter } from './query/router';
import { parseRouterOptions } from './query/router-options';
import { createReadingCall } from './reading-call';
import { Admission } from './record/admission';
import { createAttach } from './record/attach';
import { createChangeRecorder } from './record/change-recorder';
import { createClientParser } from './record/client';
import { Delivery } from './record/deliver';
import { ChangeHolds, type Surroundings } from './record/held-changes';
import { createIdentityMask } from './record/identities';
import { createRecorder } from './record/middleware';
import { MisuseChecks } from './record/misuse';
import { createRecordCall } from './record/record-call';
import { createRedactor } from './record/redact/redactor';
import { ResponseWatcher } from './record/response';
import { createRunCall } from './record/run-call';
import type { SpoolFs } from './record/spool/fs';
import { createSpool } from './record/spool/spool';
import { createUuid7 } from './record/uuid';
import { createReporter } from './report';

/** The default first. */
const { auditEvents, ...others } = dialects;
const DIALECTS: readonly [Dialect, ...Dialect[]] = [auditEvents, ...Object.values(others)];
const DEFAULT_FLUSH_MS = 30_000;
const DEFAULT_CLOSE_MS = 10_000;

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
  const clientOf = createClientParser();
  const recorder = createRecorder({
    ...copying,
    admission,
    holds,
    clientOf,
    responses: new ResponseWatcher(),
    misuse: new MisuseChecks(reporter),
  });
  const stats = (): AuditStats => statsOf(intake, admission, connection);
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
    attach: createAttach({ ...copying, clientOf, auditOf: recorder.auditOf }),
    ready: () => writer.ready(),
    async flush({ deadlineMs = DEFAULT_FLUSH_MS } = {}) {
      // a response that its client has seen ends within this turn of the event loop
      await new Promise(setImmediate);
      holds.flush();
      return intake.flush(deadlineMs);
    },
    stats,
    health: () => createHealth(stats),
    metrics: createMetrics(stats),
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
