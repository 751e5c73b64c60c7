import { AuditError, type Reporter } from '../errors';
import type { ChangeRecorder, ObservedChange } from '../observed-change';
import {
  type MongooseCollection,
  type Options,
  type Session,
  type State,
  sessionOf,
  toOptions,
} from './driver';
import type { Kinds } from './kinds';
import type { LoadedStates } from './loaded-states';
import { nativeOf, type Reading, readStates } from './read-states';
import { idOf, type Known, type Snapshot, stateOf } from './snapshot';
import { type CopyOptions, copyState, idText } from './states';
import type { Transaction, Turn } from './transaction';
import type { Transactions } from './transactions';

/** What all writes of one collection share. */
export interface WatchedParts {
  readonly collection: MongooseCollection;
  readonly kinds: Kinds;
  readonly loaded: LoadedStates;
  readonly transactions: Transactions;
  /** MUST NOT throw. */
  readonly recorder: ChangeRecorder;
  readonly reporter: Reporter;
}

export interface Certainty {
  readonly exact: boolean;
  readonly partial?: boolean;
}

/** Documents by their id; one that is missing is gone only where the reading is whole. */
export interface ById {
  readonly states: ReadonlyMap<string, Snapshot>;
  readonly isWhole: boolean;
}

type Action = ObservedChange['action'];

const NOT_EXACT: Certainty = { exact: false };

/** Options of a write that choose documents, and so belong to its reads. */
const CHOOSING = ['collation', 'hint', 'let', 'comment'] as const;

/** One call of a writing method: reads in its session, and gathers what it changed. */
export class Write {
  readonly options: Options;
  readonly session: Session | null;
  readonly transaction: Transaction | null;
  private readonly turn: Turn | null;

  constructor(
    readonly parts: WatchedParts,
    options: unknown,
  ) {
    this.options = toOptions(options);
    this.session = sessionOf(options);
    this.transaction = parts.transactions.of(this.session);
    if (this.transaction !== null && this.session !== null) parts.transactions.watch(this.session);
    this.turn = this.transaction?.begin() ?? null;
  }

  /** It was answered, and what it changed was looked at. MUST be called. */
  end(): void {
    if (this.turn !== null) this.transaction?.end(this.turn);
  }

  get loaded(): LoadedStates {
    return this.parts.loaded;
  }

  get maxDocuments(): number {
    return this.parts.kinds.maxDocuments;
  }

  get hasProjection(): boolean {
    const projection = this.options.projection ?? this.options.fields;
    return typeof projection === 'object' && projection !== null && Object.keys(projection).length > 0;
  }

  copy(value: unknown): State {
    return copyState(value, this.copyOptions);
  }

  private get copyOptions(): CopyOptions {
    const native = nativeOf(this.parts.collection);
    const ignoreUndefined = this.options.ignoreUndefined ?? native?.bsonOptions?.ignoreUndefined ?? false;
    return { ignoreUndefined: ignoreUndefined === true };
  }

  /** What a write of one document will meet, as far as a read can tell. Null when the read failed. */
  findOne(filter: unknown, extra: readonly 'sort'[] = []): Promise<Reading | null> {
    // another collation lets a text match several
    const isById = this.options.collation === undefined && pinnedId(filter) !== undefined;
    return this.findFirst(filter, 1, { limit: isById ? 1 : 2, names: [...CHOOSING, ...extra] });
  }

  /** As many as may be recorded. */
  findMany(filter: unknown): Promise<Reading | null> {
    const most = this.maxDocuments;
    return this.findFirst(filter, most, { limit: most + 1, names: CHOOSING });
  }

  /** One more is asked for than is wanted, to know whether there are others. */
  private async findFirst(
    filter: unknown,
    most: number,
    { limit, names }: { limit: number; names: readonly string[] },
  ): Promise<Reading | null> {
    const found = await this.find(filter, limit, names);
    if (found === null || found.states.length <= most) return found;
    return { states: found.states.slice(0, most), isWhole: false };
  }

  /** Documents by their id. */
  async findByIds(ids: readonly unknown[]): Promise<ById | null> {
    if (ids.length === 0) return { states: new Map(), isWhole: true };
    const found = await this.find({ _id: { $in: ids } }, ids.length, []);
    if (found === null) return null;
    const states = new Map(found.states.map((state) => [idText(state.id), state]));
    return { states, isWhole: found.isWhole };
  }

  private async find(filter: unknown, limit: number, names: readonly string[]): Promise<Reading | null> {
    const { collection, reporter } = this.parts;
    try {
      const chosen = names.filter((name) => this.options[name] !== undefined);
      // one that runs out of time would abort the transaction
      const maxTimeMS = this.transaction === null ? this.options.maxTimeMS : undefined;
      const options = {
        ...(maxTimeMS !== undefined && { maxTimeMS }),
        ...Object.fromEntries(chosen.map((name) => [name, this.options[name]])),
        ...(this.session && { session: this.session }),
        limit,
        // one answer, however many: no second command
        batchSize: limit + 1,
        readPreference: 'primary',
      };
      return await readStates(collection, (filter ?? {}) as State, options);
    } catch (cause) {
      const message = `The state of documents in '${collection.collectionName}' could not be read; their changes are recorded without it.`;
      reporter.error(new AuditError('AUDIT_CHANGE_UNREAD', message, { cause }));
      return null;
    }
  }

  created(after: Known, certainty: Certainty): void {
    this.record('create', idOf(after), { before: null, after }, certainty);
  }

  updated(before: Known | null, after: Known | null, certainty = NOT_EXACT): void {
    const known = after ?? before;
    if (known !== null) this.record('update', idOf(known), { before, after }, certainty);
  }

  deleted(before: Known, certainty: Certainty): void {
    this.record('delete', idOf(before), { before, after: null }, certainty);
  }

  /** Documents whose states are not known. */
  more(action: Action, count: number): void {
    const kind = this.parts.kinds.any;
    if (kind === null || !(count > 0)) return;
    const more = { action, type: kind.type, count };
    this.touch(null);
    if (this.transaction === null) this.parts.recorder.recordMore(more);
    else this.transaction.holdMore(more);
  }

  private record(
    action: Action,
    id: unknown,
    { before, after }: { before: Known | null; after: Known | null },
    { exact, partial = false }: Certainty,
  ): void {
    const document = idText(id);
    this.touch(document);
    const kind = this.parts.kinds.of(after ?? before ?? {});
    if (kind === null) return;
    const { type, masked, maxBytes } = kind;
    const change = {
      action,
      object: { type, id: document },
      get before() {
        return before && stateOf(before);
      },
      get after() {
        return after && stateOf(after);
      },
      exact,
      partial,
      masked,
      maxBytes,
    };
    if (this.transaction === null || this.turn === null) this.parts.recorder.record(change);
    else this.transaction.hold(change, this.turn);
  }

  private touch(document: string | null): void {
    if (this.turn !== null) this.transaction?.touch(document, this.turn);
  }
}

/** The id that a filter asks for, if it can match no other document. */
export function pinnedId(filter: unknown): unknown {
  if (typeof filter !== 'object' || filter === null) return undefined;
  const id = (filter as State)._id;
  const value = isOperator(id) ? id.$eq : id;
  if (typeof value !== 'object' || value === null) return value ?? undefined;
  return (value as State)._bsontype === 'ObjectId' ? value : undefined;
}

const isOperator = (value: unknown): value is { readonly $eq: unknown } =>
  typeof value === 'object' && value !== null && Object.keys(value).length === 1 && '$eq' in value;
