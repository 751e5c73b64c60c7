import type { Write } from './write';

/** What is done once the write was answered; `failed` for what an error leaves written. */
export interface Settlement {
  done(result: unknown): Promise<void> | void;
  failed?(error: unknown): Promise<void> | void;
}

/** Prepares for a write: what it returns at once lets the write begin at once. */
export type Handler = (
  write: Write,
  args: readonly unknown[],
) => Promise<Settlement | null> | Settlement | null;

/** Answers of the driver, of which a write has some. */
export interface WriteAnswer {
  readonly acknowledged?: boolean;
  readonly insertedId?: unknown;
  readonly insertedIds?: Readonly<Record<number, unknown>>;
  readonly upsertedId?: unknown;
  readonly upsertedIds?: Readonly<Record<number, unknown>>;
  readonly matchedCount?: number;
  readonly modifiedCount?: number;
  readonly deletedCount?: number;
}

export function toAnswer(result: unknown): WriteAnswer {
  if (typeof result !== 'object' || result === null) return {};
  const answer: WriteAnswer = result;
  if (answer.acknowledged !== false) return answer;
  // its counts are none of the server's
  const { insertedId, insertedIds } = answer;
  return { acknowledged: false, insertedId, insertedIds };
}

/** The server answered that some of it failed: the rest may be written. */
export function isPartlyWritten(error: unknown): error is { readonly result?: unknown } {
  const { code, writeErrors } = (error ?? {}) as { code?: unknown; writeErrors?: unknown };
  return writeErrors !== undefined || typeof code === 'number';
}
