/** One document that a write touched, as it was observed. */
export interface ObservedChange {
  readonly action: 'create' | 'update' | 'delete';
  readonly object: { readonly type: string; readonly id: string };
  /** The states as plain values (BSON types allowed: Date, ObjectId, Decimal128, Buffer, Map); null where there is none or it is not known. */
  readonly before: unknown;
  readonly after: unknown;
  readonly exact: boolean;
  readonly partial: boolean;
  /** Paths (dotted) whose values are masked: `omit`, and schema fields with select:false. */
  readonly masked: readonly string[];
  /** Limit of each state, in bytes. */
  readonly maxBytes: number;
  /** `unknown`: its transaction's commit was sent, and no answer said whether it took place. Absent: it did. */
  readonly outcome?: 'unknown';
}

export interface ChangeRecorder {
  /** Called once the write was acknowledged or its transaction committed. MUST NOT throw or wait. */
  record(change: ObservedChange): void;
  /** For documents beyond maxDocuments: one event that says how many more. */
  recordMore(more: {
    readonly action: ObservedChange['action'];
    readonly type: string;
    readonly count: number;
  }): void;
}
