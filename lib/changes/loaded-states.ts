import { createDelta, type Delta } from './apply-delta';
import type { LoadedDocument, MongooseModel, Session, State } from './driver';
import { copyState, idText } from './states';
import type { Transaction } from './transaction';
import type { Transactions } from './transactions';

interface Loaded {
  readonly state: State;
  readonly isPartial: boolean;
  readonly transaction: Transaction | null;
  readonly readAt: number;
  /** What holds again when the transaction is aborted. */
  readonly earlier: Loaded | null;
}

interface Populated {
  readonly path: string;
  readonly isVirtual?: boolean;
  readonly _docs?: Readonly<Record<string, unknown>>;
}

/** Mongoose's internal methods that tell what a document was loaded with, and which update a save sends. */
interface Internals {
  $__init?: (this: LoadedDocument, raw: State, ...rest: unknown[]) => unknown;
  $__delta?: (this: LoadedDocument, ...args: unknown[]) => unknown;
  $__version?: (this: LoadedDocument, where: unknown, delta: unknown) => unknown;
}

/** Before all there is: such a copy is stale in its own transaction. */
const NOT_KNOWN_WHEN = -1;

/** What documents looked like when they were loaded or saved last, and which writes are theirs. */
export class LoadedStates {
  private readonly loaded = new WeakMap<LoadedDocument, Loaded>();
  private readonly documents = new WeakMap<object, LoadedDocument>();
  private readonly origins = new WeakMap<object, { transaction: Transaction; at: number }>();
  private readonly wrappers = new WeakSet<object>();

  constructor(private readonly transactions: Transactions) {}

  /** Listens to a model's documents. Without these methods all works, with reads in their place. */
  watch({ prototype }: MongooseModel): void {
    const internals = prototype as Internals;
    const { $__init, $__delta, $__version } = internals;
    if ($__init !== undefined && !this.wrappers.has($__init)) internals.$__init = this.wrapInit($__init);
    if ($__delta !== undefined && !this.wrappers.has($__delta)) internals.$__delta = this.wrapDelta($__delta);
    if ($__version !== undefined && !this.wrappers.has($__version))
      internals.$__version = this.wrapVersion($__version);
  }

  /** The document whose save sends this update, or this document. */
  documentOf(sent: unknown): LoadedDocument | null {
    return (typeof sent === 'object' && sent !== null && this.documents.get(sent)) || null;
  }

  deltaOf(document: LoadedDocument, update: State): Delta {
    return createDelta(update, document, {});
  }

  get(document: LoadedDocument): Loaded | null {
    let loaded = this.loaded.get(document) ?? null;
    while (loaded?.transaction?.isAborted) loaded = loaded.earlier;
    return loaded;
  }

  /** What a document looks like from now on, in or outside of a transaction. */
  set(
    document: LoadedDocument,
    next: { state: State; isPartial: boolean; transaction: Transaction | null },
  ): void {
    const now = this.get(document);
    const isSameTransaction = now !== null && now.transaction === next.transaction;
    const earlier = next.transaction === null ? null : isSameTransaction ? now.earlier : now;
    this.loaded.set(document, { ...next, readAt: next.transaction?.now ?? 0, earlier });
  }

  /** Nobody knows what the document looks like: its next save reads. */
  forget(document: LoadedDocument): void {
    this.loaded.delete(document);
  }

  /** Notes that an answer of the server's was read in a transaction, before mongoose makes a document of it. */
  noteOrigin(raw: unknown, transaction: Transaction, at: number): void {
    if (typeof raw === 'object' && raw !== null) this.origins.set(raw, { transaction, at });
  }

  /** Whether the state was read in this transaction, and nothing wrote the document since. */
  isOf(loaded: Loaded, transaction: Transaction): boolean {
    const document = idText(loaded.state._id);
    return loaded.transaction === transaction && !transaction.isStale(document, loaded.readAt);
  }

  private keep(document: LoadedDocument, raw: State, initOptions: unknown): void {
    const origin = this.origins.get(raw);
    const transaction = origin?.transaction ?? this.transactions.of(document.$session() as Session | null);
    const isPartial = document.$__?.selected !== undefined && document.$__.selected !== null;
    const state = depopulate(copyState(raw, { isPopulated: true }), initOptions);
    const now = transaction?.isWriting ? NOT_KNOWN_WHEN : transaction?.now;
    const readAt = origin?.at ?? now ?? 0;
    this.loaded.set(document, { state, isPartial, transaction, readAt, earlier: null });
  }

  private wrapInit(init: NonNullable<Internals['$__init']>): typeof init {
    const states = this;
    const wrapper: typeof init = function (raw, ...rest) {
      try {
        states.keep(this, raw, rest[0]);
      } catch {
        // without a copy, a save reads
      }
      return init.call(this, raw, ...rest);
    };
    this.wrappers.add(wrapper);
    return wrapper;
  }

  /** `[where, update]`, of which mongoose sends the very update object. */
  private wrapDelta(delta: NonNullable<Internals['$__delta']>): typeof delta {
    const { documents } = this;
    const wrapper: typeof delta = function (...args) {
      const result = delta.apply(this, args);
      const update = Array.isArray(result) ? result[1] : null;
      if (typeof update === 'object' && update !== null) documents.set(update, this);
      return result;
    };
    this.wrappers.add(wrapper);
    return wrapper;
  }

  /** Called with true and the very object that a new document's save inserts. */
  private wrapVersion(version: NonNullable<Internals['$__version']>): typeof version {
    const { documents } = this;
    const wrapper: typeof version = function (where, delta) {
      if (where === true && typeof delta === 'object' && delta !== null) documents.set(delta, this);
      return version.call(this, where, delta);
    };
    this.wrappers.add(wrapper);
    return wrapper;
  }
}

/** Lean populated values, and those of virtual paths, are put into what the server answered. */
function depopulate(state: State, initOptions: unknown): State {
  const { populated } = (initOptions ?? {}) as { populated?: readonly Populated[] };
  if (!Array.isArray(populated) || populated.length === 0) return state;
  const copy: Record<string, unknown> = { ...state };
  for (const { path, isVirtual, _docs } of populated as readonly Populated[]) {
    const original = _docs?.[String(state._id)];
    if (isVirtual) delete copy[path];
    else if (original !== undefined && Object.hasOwn(copy, path)) copy[path] = original;
  }
  return copy;
}
