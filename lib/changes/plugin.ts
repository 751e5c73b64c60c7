import { AuditError, AuditOptionError, type Reporter } from '../errors';
import type { ObjectType } from '../names';
import { type ChangeRecorder, MOST_STATE_BYTES } from '../observed-change';
import type { MongooseCollection, MongooseModel, MongooseSchema } from './driver';
import { type ChangesSettings, Kinds } from './kinds';
import { LoadedStates } from './loaded-states';
import { Transactions } from './transactions';
import { watchCollection } from './watch-collection';

const DEFAULT_DOCUMENTS = 1_000;
const DEFAULT_BYTES = 256 * 1024;

export interface ChangesOptions {
  /** What the objects are called in the trail. @default the model's collection name */
  readonly type?: ObjectType;
  /**
   * Paths (dotted) whose values are masked, besides those of fields with `select: false`: items of lists need no step,
   * `*` is any key, `**` any number of keys. @default none
   */
  readonly omit?: readonly string[];
  /** Most documents of one write that are recorded each, as far as 32 MiB of them reach; how many more is said in one event. @default 1000 */
  readonly maxDocuments?: number;
  /** Longest state before or after a change, in bytes, up to 2 MiB; a longer one is left out. @default 262144 (256 KiB) */
  readonly maxBytes?: number;
}

/** For `schema.plugin(...)`, of whichever mongoose. */
export type ChangesPlugin = (schema: object) => void;
/** @throws {AuditOptionError} for an option that is unknown or wrong */
export type CreatePlugin = (options?: ChangesOptions) => ChangesPlugin;

/** Records what schemas with the plugin change, to one recorder. */
export function createChangesPlugin(recorder: ChangeRecorder, reporter: Reporter): CreatePlugin {
  const watcher = new Watcher(recorder, reporter);
  return (options = {}) => {
    const settings = parseChangesOptions(options);
    return (schema) => {
      const own = schema as MongooseSchema;
      watcher.warnIfLate(own);
      watcher.listen(own, settings);
    };
  };
}

const CHECKS: Readonly<Record<keyof ChangesOptions, readonly [(value: unknown) => boolean, string]>> = {
  type: [(value) => typeof value === 'string' && value !== '', 'a name'],
  omit: [
    (value) => Array.isArray(value) && value.every((one) => typeof one === 'string' && one !== ''),
    'a list of dotted paths',
  ],
  maxDocuments: [isPositive, 'a positive integer'],
  maxBytes: [
    (value) => isPositive(value) && Number(value) <= MOST_STATE_BYTES,
    `a positive integer up to ${MOST_STATE_BYTES}, in bytes`,
  ],
};

function isPositive(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) > 0;
}

function parseChangesOptions(options: ChangesOptions): ChangesSettings {
  for (const [name, value] of Object.entries(options)) {
    const [isRight, wanted] = CHECKS[name as keyof ChangesOptions] ?? [];
    if (isRight === undefined) {
      const known = Object.keys(CHECKS).join(', ');
      throw new AuditOptionError(
        'AUDIT_UNKNOWN_OPTION',
        `Option '${name}' of changes() is unknown. Known are: ${known}.`,
      );
    }
    if (value !== undefined && !isRight(value))
      throw new AuditOptionError(
        'AUDIT_INVALID_OPTION',
        `Option '${name}' of changes() is wrong: expected ${wanted}.`,
      );
  }
  const { type = null, omit = [], maxDocuments = DEFAULT_DOCUMENTS, maxBytes = DEFAULT_BYTES } = options;
  return { type, omit: [...omit], maxDocuments, maxBytes };
}

/** Remembers what it listens to: mongoose announces a model more than once. */
class Watcher {
  private readonly kinds = new WeakMap<MongooseCollection, Kinds>();
  private readonly models = new WeakSet<MongooseModel>();
  private readonly listeners = new WeakMap<MongooseSchema, ReadonlySet<ChangesSettings>>();
  private readonly transactions: Transactions;
  private readonly loaded: LoadedStates;
  private readonly recorder: ChangeRecorder;

  constructor(
    recorder: ChangeRecorder,
    private readonly reporter: Reporter,
  ) {
    this.recorder = guardRecorder(recorder, reporter);
    this.transactions = new Transactions({ recorder: this.recorder });
    this.loaded = new LoadedStates(this.transactions);
  }

  warnIfLate(schema: MongooseSchema): void {
    const models = (schema.base?.connections ?? []).flatMap((connection) => Object.values(connection.models));
    const late = models.find((model) => model.schema === schema);
    if (late === undefined) return;
    const message = `Changes of model '${late.modelName}' are not recorded: the plugin was added after the model was compiled. Call schema.plugin(audit.changes()) before mongoose.model().`;
    this.reporter.error(new AuditError('AUDIT_PLUGIN_LATE', message));
  }

  /** A schema for the models of another mongoose instance is cloned without its listeners. */
  listen(schema: MongooseSchema, settings: ChangesSettings): void {
    const { listeners } = this;
    if (listeners.get(schema)?.has(settings)) return;
    listeners.set(schema, new Set(listeners.get(schema)).add(settings));
    schema.on('init', (model) => this.watch(model, settings));
    const clone = schema._clone;
    if (clone === undefined) return;
    const listen = (one: MongooseSchema): void => this.listen(one, settings);
    schema._clone = function (...args) {
      const cloned = clone.apply(this, args);
      listen(cloned);
      return cloned;
    };
  }

  watch(model: MongooseModel, settings: ChangesSettings): void {
    this.watchCollectionOf(model, settings);
    if (this.models.has(model)) return;
    this.models.add(model);
    this.loaded.watch(model);
    this.follow(model, settings);
    for (const discriminator of Object.values(model.discriminators ?? {}))
      this.watch(discriminator, settings);
  }

  private watchCollectionOf(model: MongooseModel, settings: ChangesSettings): void {
    const { collection } = model;
    const known = this.kinds.get(collection);
    const kinds = known ?? new Kinds();
    kinds.add(model, settings);
    if (known !== undefined) return;
    this.kinds.set(collection, kinds);
    const { loaded, transactions, recorder, reporter } = this;
    watchCollection({ collection, kinds, loaded, transactions, recorder, reporter });
  }

  /** A model's own methods that give it another collection, or another model its collection. */
  private follow(model: MongooseModel, settings: ChangesSettings): void {
    const methods = model as MongooseModel & Record<string, unknown>;
    const { useConnection, discriminator } = methods;
    const watch = (one: unknown): void => this.watch(one as MongooseModel, settings);
    if (typeof useConnection === 'function')
      methods.useConnection = function (this: unknown, ...args: unknown[]) {
        const result = useConnection.apply(this, args);
        watch(this);
        return result;
      };
    if (typeof discriminator === 'function')
      methods.discriminator = function (this: unknown, ...args: unknown[]) {
        const result = discriminator.apply(this, args);
        watch(result);
        return result;
      };
  }
}

/** The recorder MUST NOT throw; if it does, no write hears of it. */
function guardRecorder(recorder: ChangeRecorder, reporter: Reporter): ChangeRecorder {
  const guard =
    <T>(call: (value: T) => void) =>
    (value: T): void => {
      try {
        call(value);
      } catch (cause) {
        const message = 'A change could not be recorded; the write itself is not affected.';
        reporter.error(new AuditError('AUDIT_CHANGE_UNRECORDED', message, { cause }));
      }
    };
  return {
    record: guard((change) => recorder.record(change)),
    recordMore: guard((more) => recorder.recordMore(more)),
  };
}
