import type { Options } from './driver';
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

/** What an error's answer says to be inserted: the driver counts in the one that failed, beside other operations. */
export function insertedDespite(error: unknown, options: Options): Readonly<Record<number, unknown>> {
  const { writeErrors, result } = error as { writeErrors?: unknown; result?: unknown };
  const { insertedIds = {} } = toAnswer(result);
  const failed = [writeErrors].flat().map((one) => (one as { index?: number } | undefined)?.index ?? 0);
  const first = Math.min(...failed);
  const isInserted = (i: number): boolean => (options.ordered === false ? !failed.includes(i) : i < first);
  return Object.fromEntries(Object.entries(insertedIds).filter(([i]) => isInserted(Number(i))));
}

/** The server answered that some of it failed: the rest may be written. */
export function isPartlyWritten(error: unknown): error is { readonly result?: unknown } {
  const { code, writeErrors } = (error ?? {}) as { code?: unknown; writeErrors?: unknown };
  return writeErrors !== undefined || typeof code === 'number';
}
