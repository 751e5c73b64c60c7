import { AuditError, type Reporter } from '../errors';
import type { EventWriter, InsertResult, PreparedEvent } from '../store';
import type { Retry } from './retry';

export type Fate = 'delivered' | 'quarantined';

export interface BatchParts {
  readonly writer: EventWriter;
  readonly reporter: Reporter;
  readonly retry: Retry;
  /** Told of each event in order, as soon as its fate is known. */
  readonly onSettled: (fate: Fate) => void;
}

/** Stores a batch whole, or in halves where the store refuses it for one of its events. Ends early when the retry is stopped. */
export async function storeBatch(parts: BatchParts, batch: readonly PreparedEvent[]): Promise<void> {
  const results = await parts.retry.untilAnswered(() => insert(parts.writer, batch));
  if (results === null) return;
  if (results !== 'split') return settle(parts, batch, results);
  const middle = Math.ceil(batch.length / 2);
  await storeBatch(parts, batch.slice(0, middle));
  await storeBatch(parts, batch.slice(middle));
}

async function insert(
  writer: EventWriter,
  batch: readonly PreparedEvent[],
): Promise<readonly InsertResult[] | 'split'> {
  try {
    return await writer.insert(batch);
  } catch (error) {
    const isRefused = error instanceof AuditError && error.code === 'AUDIT_STORE_REJECTED';
    if (!isRefused) throw error;
    return batch.length > 1 ? 'split' : [{ outcome: 'refused', reason: error.message }];
  }
}

async function settle(
  parts: BatchParts,
  batch: readonly PreparedEvent[],
  results: readonly InsertResult[],
): Promise<void> {
  for (const [index, event] of batch.entries()) {
    const result = results[index];
    if (result?.outcome === 'stored') parts.onSettled('delivered');
    else await quarantine(parts, event, result?.reason ?? 'the store gave no result');
  }
}

async function quarantine(
  { writer, reporter, retry, onSettled }: BatchParts,
  event: PreparedEvent,
  reason: string,
): Promise<void> {
  const kept = await retry.untilAnswered(() => writer.quarantine(event, reason).then(() => true));
  if (kept === null) return;
  onSettled('quarantined');
  const message = `MongoDB refused event ${event.uuid} (${reason}); it is kept in the quarantine collection.`;
  reporter.error(new AuditError('AUDIT_EVENT_QUARANTINED', message));
}
