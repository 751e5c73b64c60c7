import { meetingOf, type Plan, planOf, reachOf, type Save } from './bulk-plan';
import type { State } from './driver';
import { type Handler, insertedDespite, isPartlyWritten, toAnswer, type WriteAnswer } from './handler';
import { insertedStates, withId } from './inserts';
import type { Reading } from './read-states';
import { idOf } from './snapshot';
import { idText, isSame, partOf } from './states';
import { compare, isId } from './updates';
import type { ById, Write } from './write';

const NOTHING: Reading = { states: [], isWhole: true };

/**
 * One read before and one after for all operations together: of a document that several of them touched, the change
 * is the one from before the first to after the last.
 */
export const bulkWrite: Handler = (write, [operations]) => {
  if (!Array.isArray(operations)) return null;
  const plan = planOf(write, operations);
  const { filter, isWhole } = meetingOf(plan);
  const settlement = (found: Reading | null) => {
    const before = { states: found?.states ?? [], isWhole: found?.isWhole === true && isWhole };
    return {
      done: (result: unknown) => settle(write, plan, before, toAnswer(result)),
      async failed(error: unknown) {
        if (write.transaction !== null || !isPartlyWritten(error)) return;
        const { upsertedIds, modifiedCount, deletedCount } = toAnswer(error.result);
        const insertedIds = insertedDespite(error, write.options);
        await settle(write, plan, before, { insertedIds, upsertedIds, modifiedCount, deletedCount });
      },
    };
  };
  return filter === null ? settlement(NOTHING) : write.findMany(filter).then(settlement);
};

async function settle(write: Write, plan: Plan, before: Reading, answer: WriteAnswer): Promise<void> {
  const { insertedIds = {}, upsertedIds = {} } = answer;
  const inserts = insertedStates(plan.inserts, insertedIds);
  const upserted = Object.values(upsertedIds).filter(isId);
  const upserts = upserted.slice(0, write.maxDocuments);
  const isReached = reachOf(plan);
  const reached = new Set(inserts.filter(({ _id }) => isReached(_id)));
  const isEachSaved = plan.others.length === 0 && answer.modifiedCount === plan.saves.length;
  if (!isEachSaved) for (const { document } of plan.saves) write.loaded.forget(document);
  const doubtful = isEachSaved ? [] : plan.saves.slice(0, write.maxDocuments);
  const ids = [...before.states, ...reached, ...doubtful.map((save) => save.before)].map(idOf);
  const after = await write.findByIds([...ids, ...upserts]);
  const met = { after, answer };
  for (const state of inserts)
    if (reached.has(state)) recordNew(write, { state, isPartial: false }, met);
    else write.created(state, { exact: answer.acknowledged !== false });
  for (const _id of upserts) recordNew(write, { state: { _id }, isPartial: true }, met);
  const others = upserted.length - upserts.length;
  write.more('create', Object.keys(insertedIds).length - inserts.length + others);
  rememberInserts(write, plan, answer);
  if (isEachSaved) settleSaves(write, plan.saves);
  const isWhole = before.isWhole && (isEachSaved || doubtful.length === plan.saves.length);
  recordTouched(write, { before: { ...before, isWhole }, doubtful, ...met });
}

interface Met {
  readonly after: ById | null;
  readonly answer: WriteAnswer;
}

/** What was created, as later operations left it: `state` is what is known without a look at it. */
function recordNew(
  write: Write,
  { state, isPartial }: { state: State; isPartial: boolean },
  { after, answer }: Met,
): void {
  const now = after?.states.get(idText(state._id));
  if (now !== undefined) {
    write.created(now, { exact: write.transaction !== null });
    return;
  }
  const certainty = { exact: false, partial: isPartial };
  write.created(state, certainty);
  if (after?.isWhole && (answer.deletedCount ?? 0) > 0) write.deleted(state, certainty);
}

function rememberInserts(write: Write, { owners, inserts }: Plan, { insertedIds = {} }: WriteAnswer): void {
  const { transaction } = write;
  for (const [i, owner] of owners) {
    const state = inserts[i];
    if (state && Object.hasOwn(insertedIds, i))
      write.loaded.set(owner, { state: withId(state, insertedIds[i]), isPartial: false, transaction });
  }
}

function settleSaves(write: Write, saves: readonly Save[]): void {
  const { transaction, maxDocuments } = write;
  for (const [i, { document, delta, before, isPartial }] of saves.entries()) {
    const state = delta.apply(before);
    const certainty = { exact: transaction !== null, partial: isPartial };
    if (i < maxDocuments) write.updated(before, state, certainty);
    write.loaded.set(document, { state, isPartial, transaction });
  }
  write.more('update', saves.length - maxDocuments);
}

interface Touched extends Met {
  readonly before: Reading;
  readonly doubtful: readonly Save[];
}

function recordTouched(write: Write, { before, doubtful, after, answer }: Touched): void {
  const { modifiedCount = 0, deletedCount } = answer;
  if (after === null) {
    for (const state of [...before.states, ...doubtful.map((save) => save.before)])
      write.updated(state, null);
    write.more('update', modifiedCount - before.states.length - doubtful.length);
    return;
  }
  const exact = write.transaction !== null;
  const { changed, rest } = compare(before.states, after);
  for (const [old, now] of changed) write.updated(old, now, { exact });
  const gone = deletedCount === 0 ? [] : rest.filter(([, now]) => now === null);
  for (const [old] of gone) write.deleted(old, { exact });
  const saved = doubtful.filter((save) => recordDoubtful(write, save, after));
  // operations that touch a document twice count twice: only what was not looked at is counted
  if (before.isWhole && after.isWhole) return;
  write.more('update', modifiedCount - changed.length - saved.length);
  write.more('delete', (deletedCount ?? 0) - gone.length);
}

/** Of some saves that were sent together, one met nothing or changed nothing: nobody says which. */
function recordDoubtful(write: Write, { before, delta, isPartial }: Save, { states }: ById): boolean {
  const state = states.get(idText(before._id))?.state;
  if (state === undefined) return false;
  const now = isPartial ? (partOf(state, { ...before, ...delta.apply(before) }) as State) : state;
  if (isSame(before, now)) return false;
  write.updated(before, now, { exact: write.transaction !== null && !isPartial, partial: isPartial });
  return true;
}
