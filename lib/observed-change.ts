/** Of a state: two of them and their diff, which may repeat both, must fit into one document of MongoDB (16 MiB). */
export const MOST_STATE_BYTES = 2 * 1024 * 1024;

/** One document that a write touched, as it was observed. */
export interface ObservedChange {
  readonly action: 'create' | 'update' | 'delete';
  readonly object: { readonly type: string; readonly id: string };
  /** The state as plain values (Date, ObjectId, Decimal128, Buffer and Map among them); null: none, or unknown. */
  readonly before: unknown;
  readonly after: unknown;
  /** Whether both states are known to belong to this very write. */
  readonly exact: boolean;
  /** Whether the document was loaded with a projection, so that the states are parts of it. */
  readonly partial: boolean;
  /** Dotted paths whose values are masked; that they changed stays visible. */
  readonly masked: readonly string[];
  /** Limit of each state, in bytes. */
  readonly maxBytes: number;
  /** `unknown`: its transaction's commit was sent, and no answer said whether it took place. Absent: it did. */
  readonly outcome?: 'unknown';
}

/** Takes what was observed, in the asynchronous context of the write. */
export interface ChangeRecorder {
  /** Called once the write was acknowledged, or its transaction committed. MUST NOT throw or wait. */
  record(change: ObservedChange): void;
  /** For documents beyond `maxDocuments`: one event that says how many more. MUST NOT throw or wait. */
  recordMore(more: {
    readonly action: ObservedChange['action'];
    readonly type: string;
    readonly count: number;
    /** As of a change. */
    readonly outcome?: 'unknown';
  }): void;
}
