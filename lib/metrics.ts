import type { Counter, Gauge, Metric, Registry } from 'prom-client';
import { AuditOptionError } from './errors';
import { suggest } from './suggest';

/** A registry of prom-client, by what is used of it: its types need not be installed. */
export interface MetricsRegistry {
  getSingleMetric(name: string): unknown;
  registerMetric(metric: never): void;
  metrics(): Promise<string>;
}

export interface MetricsOptions {
  /** Where the metrics are registered. @default the default registry of prom-client */
  readonly register?: MetricsRegistry;
  /** What their names begin with; two audits on one registry need two. @default 'express_audit_events_' */
  readonly prefix?: string;
}

/** What is shown. */
export interface MetricsSource {
  readonly state: string;
  readonly connected: boolean;
  readonly captured: number;
  readonly delivered: number;
  readonly pending: number;
  readonly droppedByReason: { readonly [reason: string]: number };
  readonly quarantined: number;
  readonly rejected: number;
  readonly queueBytes: number;
  readonly spoolBytes: number;
  readonly oldestAgeMs: number;
}

type Client = typeof import('prom-client');

interface Definition {
  readonly kind: 'Counter' | 'Gauge';
  readonly name: string;
  readonly help: string;
  readonly label?: string;
  /** How the workers of a cluster are summed up. */
  readonly aggregator?: 'sum' | 'max' | 'min';
  /** By the label's value; the empty one where there is no label. */
  readonly read: (stats: MetricsSource) => Readonly<Record<string, number>>;
}

const OPTIONS: readonly string[] = ['register', 'prefix'];
const DEFAULT_PREFIX = 'express_audit_events_';
const PREFIX = /^[A-Za-z_:][A-Za-z0-9_:]*$/;
const STATES: readonly string[] = ['healthy', 'degraded', 'rejecting'];

const DEFINITIONS: readonly Definition[] = [
  {
    kind: 'Counter',
    name: 'captured_total',
    help: 'Events accepted, gaps included.',
    read: ({ captured }) => ({ '': captured }),
  },
  {
    kind: 'Counter',
    name: 'delivered_total',
    help: 'Events that MongoDB acknowledged by a majority.',
    read: ({ delivered }) => ({ '': delivered }),
  },
  {
    kind: 'Counter',
    name: 'dropped_total',
    help: 'Events that could not be kept, by reason.',
    label: 'reason',
    read: ({ droppedByReason }) => droppedByReason,
  },
  {
    kind: 'Counter',
    name: 'quarantined_total',
    help: 'Events that MongoDB refused, kept in the quarantine collection.',
    read: ({ quarantined }) => ({ '': quarantined }),
  },
  {
    kind: 'Counter',
    name: 'rejected_total',
    help: 'Requests that were refused because they could not be recorded.',
    read: ({ rejected }) => ({ '': rejected }),
  },
  {
    kind: 'Gauge',
    name: 'pending',
    help: 'Events that wait, or are on their way.',
    read: ({ pending }) => ({ '': pending }),
  },
  {
    kind: 'Gauge',
    name: 'queue_bytes',
    help: 'Memory of the pending events.',
    read: ({ queueBytes }) => ({ '': queueBytes }),
  },
  {
    kind: 'Gauge',
    name: 'spool_bytes',
    help: 'Disk space of the spool.',
    read: ({ spoolBytes }) => ({ '': spoolBytes }),
  },
  {
    kind: 'Gauge',
    name: 'oldest_age_seconds',
    help: 'Age of the oldest event that waits.',
    aggregator: 'max',
    read: ({ oldestAgeMs }) => ({ '': oldestAgeMs / 1_000 }),
  },
  {
    kind: 'Gauge',
    name: 'connected',
    help: 'Whether MongoDB is connected.',
    aggregator: 'min',
    read: ({ connected }) => ({ '': connected ? 1 : 0 }),
  },
  {
    kind: 'Gauge',
    name: 'state',
    help: 'Which state delivery is in.',
    label: 'state',
    read: ({ state }) =>
      Object.fromEntries([...STATES, state].map((one) => [one, one === state ? 1 : 0] as const)),
  },
];

function load(): Client {
  try {
    return require('prom-client') as Client;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw cause;
    throw new AuditOptionError(
      'AUDIT_INVALID_OPTION',
      'audit.metrics() needs the package prom-client, which is not installed. Run npm install prom-client.',
    );
  }
}

function invalid(name: string, rule: string): AuditOptionError {
  return new AuditOptionError('AUDIT_INVALID_OPTION', `Option '${name}' of metrics() is wrong: ${rule}`);
}

function isRegistry(value: unknown): value is Registry {
  if (typeof value !== 'object' || value === null) return false;
  const { getSingleMetric, registerMetric } = value as Partial<Registry>;
  return typeof getSingleMetric === 'function' && typeof registerMetric === 'function';
}

function parse(options: unknown): { readonly prefix: string; readonly register: Registry | undefined } {
  const given = (options ?? {}) as Readonly<Record<string, unknown>>;
  for (const name of Object.keys(given)) {
    if (OPTIONS.includes(name)) continue;
    const near = suggest(name, OPTIONS);
    const remedy =
      near === undefined ? `Known options are ${OPTIONS.join(', ')}.` : `Did you mean '${near}'?`;
    const message = `Option '${name}' of metrics() is not known. ${remedy}`;
    throw new AuditOptionError('AUDIT_UNKNOWN_OPTION', message);
  }
  const { prefix = DEFAULT_PREFIX, register } = given;
  if (typeof prefix !== 'string' || !PREFIX.test(prefix))
    throw invalid('prefix', "must begin the name of a metric, like 'shop_audit_': letters, digits, _ and :.");
  if (register !== undefined && !isRegistry(register))
    throw invalid('register', 'must be a registry of prom-client.');
  return { prefix, register };
}

function show(metric: Counter | Gauge, { label, read }: Definition, stats: MetricsSource): void {
  metric.reset();
  for (const [value, count] of Object.entries(read(stats))) {
    if (label === undefined) metric.inc(count);
    else metric.inc({ [label]: value }, count);
  }
}

/** `audit.metrics`: registers metrics that are read when they are asked for. */
export function createMetrics(stats: () => MetricsSource): (options?: MetricsOptions) => void {
  return function metrics(options) {
    const { prefix, ...given } = parse(options);
    const client = load();
    const register = given.register ?? client.register;
    const taken = DEFINITIONS.find(({ name }) => register.getSingleMetric(prefix + name) !== undefined);
    if (taken !== undefined)
      throw invalid(
        'prefix',
        `the registry has a metric '${prefix}${taken.name}' already. Give every audit on it a prefix of its own, and call metrics() once.`,
      );
    for (const definition of DEFINITIONS) {
      const { kind, name, help, label, aggregator = 'sum' } = definition;
      const collect = function (this: Counter | Gauge): void {
        show(this, definition, stats());
      };
      const labelNames = label === undefined ? [] : [label];
      const Kind = client[kind] as new (configuration: object) => Metric;
      new Kind({ name: prefix + name, help, labelNames, aggregator, registers: [register], collect });
    }
  };
}
