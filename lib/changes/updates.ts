import type { LoadedDocument, State } from './driver';
import { type Handler, isPartlyWritten, type Settlement, toAnswer, type WriteAnswer } from './handler';
import { withId } from './inserts';
import type { Reading } from './read-states';
import { idOf, isSameState, type Known, type Snapshot } from './snapshot';
import { idText } from './states';
import type { ById, Write } from './write';

export const updateOne: Handler = async (write, args) => {
  const [filter, update] = args;
  const document = write.loaded.documentOf(update);
  if (document !== null) return saveLoaded(write, document, args as readonly State[]);
  const found = await write.findOne(filter, ['sort']);
  return { done: (result) => settle(write, found, toAnswer(result)) };
};

export const updateMany: Handler = async (write, [filter]) => {
  const found = await write.findMany(filter);
  return {
    done: (result) => settle(write, found, toAnswer(result)),
    async failed(error) {
      // it stops at the first document that fails, and says of none that was changed
      if (write.transaction === null && isPartlyWritten(error)) await settle(write, found, {});
    },
  };
};

export const replaceOne: Handler = async (write, [filter, replacement]) => {
  const state = write.copy(replacement);
  const found = await write.findOne(filter, ['sort']);
  const before = found?.states[0];
  return {
    done(result) {
      const { modifiedCount, upsertedId, acknowledged } = toAnswer(result);
      if (isId(upsertedId)) write.created(withId(state, upsertedId), { exact: acknowledged !== false });
      else if (modifiedCount === 0) return;
      else if (before === undefined) write.more('update', modifiedCount ?? 0);
      else write.updated(before, withId(state, before.id), { exact: isExact(write, found) });
    },
  };
};

export const isId = (id: unknown): boolean => id !== undefined && id !== null;

function isExact(write: Write, found: Reading | null): boolean {
  return write.transaction !== null && found?.isWhole === true;
}

/** A save needs no read where the copy as loaded is all that can be known. */
function saveLoaded(
  write: Write,
  document: LoadedDocument,
  [filter, update]: readonly State[],
): Promise<Settlement | null> | Settlement | null {
  if (update === undefined) return null;
  const delta = write.loaded.deltaOf(document, update);
  const loaded = write.loaded.get(document);
  const { transaction } = write;
  const isOwn = loaded !== null && transaction !== null && write.loaded.isOf(loaded, transaction);
  const settleWith = (before: State | null, isPartial: boolean): Settlement => ({
    done(result) {
      const { matchedCount, modifiedCount } = toAnswer(result);
      if (matchedCount === 0) return;
      if (before === null) {
        write.more('update', modifiedCount ?? 0);
        write.loaded.forget(document);
        return;
      }
      const state = delta.apply(before);
      const exact = transaction !== null && (isOwn || delta.isComputed);
      if (modifiedCount !== 0) write.updated(before, state, { exact, partial: isPartial });
      write.loaded.set(document, { state, isPartial, transaction });
    },
  });
  if (loaded !== null && (transaction === null || isOwn)) return settleWith(loaded.state, loaded.isPartial);
  return write.findOne(filter).then((found) => settleWith(found?.states[0]?.state ?? null, false));
}

/** Reads what was written and records what differs. */
async function settle(write: Write, found: Reading | null, answer: WriteAnswer): Promise<void> {
  const { modifiedCount, upsertedId } = answer;
  if (isId(upsertedId)) return settleUpsert(write, upsertedId);
  if (modifiedCount === 0) return;
  const before = found?.states ?? [];
  const after = await write.findByIds(before.map(({ id }) => id));
  if (after === null) {
    for (const state of before) write.updated(state, null);
    write.more('update', (modifiedCount ?? 0) - before.length);
    return;
  }
  const { changed, rest } = compare(before, after);
  const exact = write.transaction !== null;
  for (const [old, now] of changed) write.updated(old, now, { exact });
  // changed, and changed back by another writer before it was read
  const missing = (modifiedCount ?? changed.length) - changed.length;
  const isCertain = found?.isWhole === true && after.isWhole;
  const isRest = isCertain && rest.length > 0 && rest.length <= missing;
  if (isRest) for (const [old, now] of rest) write.updated(old, now);
  write.more('update', missing - (isRest ? rest.length : 0));
}

async function settleUpsert(write: Write, id: unknown): Promise<void> {
  const after = await write.findByIds([id]);
  const state = after?.states.get(idText(id));
  write.created(state ?? { _id: id }, {
    exact: write.transaction !== null && state !== undefined,
    partial: !state,
  });
}

type Pair = readonly [Known, Snapshot | null];

interface Comparison {
  readonly changed: readonly Pair[];
  readonly rest: readonly Pair[];
}

export function compare(before: readonly Known[], { states, isWhole }: ById): Comparison {
  const changed: Pair[] = [];
  const rest: Pair[] = [];
  for (const state of before) {
    const now = states.get(idText(idOf(state))) ?? null;
    if (now === null && !isWhole) continue;
    const isChanged = now !== null && !isSameState(state, now);
    (isChanged ? changed : rest).push([state, now]);
  }
  return { changed, rest };
}
