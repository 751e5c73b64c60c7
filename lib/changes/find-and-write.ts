import { answeredState } from './deletes';
import type { State } from './driver';
import type { Handler } from './handler';
import type { Reading } from './read-states';
import { isSameState, type Known, type Snapshot } from './snapshot';
import { idText } from './states';
import { pinnedId, type Write } from './write';

/**
 * findOneAndUpdate and findOneAndReplace: the server answers with the one state, the other is read. A projection
 * leaves of the answer no more than which document it was, and both are read.
 */
export const findOneAndWrite: Handler = async (write, [filter]) => {
  const isAfter = write.options.returnDocument === 'after';
  const found = isAfter || write.hasProjection ? await write.findOne(filter, ['sort']) : null;
  return {
    async done(result) {
      const answered = answeredState(write, result);
      const isInsert = isUpsert(write, result, { answered, found });
      if (answered === null && !isInsert) return;
      if (isInsert) await recordUpsert(write, { filter, result, after: isAfter ? answered : null });
      else if (answered !== null) await recordUpdate(write, { answered, found, isAfter });
      noteOrigin(write, result);
    },
  };
};

interface Answered {
  readonly answered: State | null;
  readonly found: Reading | null;
}

interface Metadata {
  readonly lastErrorObject?: { readonly updatedExisting?: boolean; readonly upserted?: unknown };
}

const metadataOf = (write: Write, result: unknown): Metadata['lastErrorObject'] =>
  write.options.includeResultMetadata ? ((result ?? {}) as Metadata).lastErrorObject : undefined;

/** Said by the server where it was asked, else told by that no document was there. */
function isUpsert(write: Write, result: unknown, { answered, found }: Answered): boolean {
  if (write.options.upsert !== true) return false;
  const updatedExisting = metadataOf(write, result)?.updatedExisting;
  if (updatedExisting !== undefined) return !updatedExisting;
  return answered === null || (found !== null && found.states.length === 0);
}

async function recordUpsert(
  write: Write,
  { filter, result, after }: { filter: unknown; result: unknown; after: State | null },
): Promise<void> {
  const upserted = metadataOf(write, result)?.upserted;
  const isSure = write.transaction !== null;
  if (after !== null && !write.hasProjection) {
    write.created(after, { exact: isSure || upserted !== undefined });
    return;
  }
  const id = upserted ?? after?._id ?? pinnedId(filter);
  const state =
    id === undefined
      ? onlyOf(await write.findOne(filter))
      : (await write.findByIds([id]))?.states.get(idText(id));
  if (state === undefined) write.more('create', 1);
  // in a transaction, the only one to match now is the one that none matched before
  else write.created(state, { exact: isSure });
}

const onlyOf = (found: Reading | null): Snapshot | undefined =>
  found?.isWhole ? found.states[0] : undefined;

async function recordUpdate(
  write: Write,
  { answered, found, isAfter }: { answered: State; found: Reading | null; isAfter: boolean },
): Promise<void> {
  const id = answered._id ?? found?.states[0]?.id;
  const before: Known | null =
    write.hasProjection || isAfter ? (found?.states.find(isOf(id)) ?? null) : answered;
  const isRead = write.hasProjection || !isAfter;
  const after: Known | null = isRead
    ? ((await write.findByIds([id]))?.states.get(idText(id)) ?? null)
    : answered;
  if (before !== null && after !== null && isSameState(before, after)) return;
  if (before === null && after === null) write.more('update', 1);
  else
    write.updated(before, after, {
      exact: write.transaction !== null && before !== null && after !== null,
    });
}

const isOf =
  (id: unknown) =>
  (state: Snapshot): boolean =>
    idText(state.id) === idText(id);

/** Mongoose makes a document of the answer: one that was read in this transaction. */
function noteOrigin(write: Write, result: unknown): void {
  if (write.transaction === null) return;
  const { includeResultMetadata, returnDocument } = write.options;
  const raw = includeResultMetadata ? (result as { value?: unknown }).value : result;
  if (returnDocument === 'after') write.loaded.noteOrigin(raw, write.transaction, write.transaction.now);
}
