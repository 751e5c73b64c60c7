import type { Delta } from './apply-delta';
import type { LoadedDocument, State } from './driver';
import { type Handler, insertedDespite, isPartlyWritten, toAnswer, type WriteAnswer } from './handler';
import { recordInserts, withId } from './inserts';
import { idOf, type Snapshot } from './snapshot';
import { idText } from './states';
import { compare, isId } from './updates';
import { pinnedId, type Write } from './write';

interface Save {
  readonly document: LoadedDocument;
  readonly delta: Delta;
  readonly before: State;
  readonly isPartial: boolean;
}

interface Plan {
  /** By the place of the operation, null where it is none. */
  readonly inserts: readonly (State | null)[];
  readonly owners: ReadonlyMap<number, LoadedDocument>;
  /** Updates by documents whose state is known as they were loaded. */
  readonly saves: readonly Save[];
  /** Filters of all others: what they meet is read. */
  readonly filters: readonly unknown[];
}

interface Operation {
  readonly filter?: unknown;
  readonly update?: unknown;
  readonly document?: unknown;
}

/**
 * One read before and one after for all operations together: of a document that several of them touched, the change
 * is the one from before the first to after the last.
 */
export const bulkWrite: Handler = (write, [operations]) => {
  if (!Array.isArray(operations)) return null;
  const plan = planOf(write, operations);
  const settlement = (before: readonly Snapshot[] | null) => ({
    done: (result: unknown) => settle(write, plan, before, toAnswer(result)),
    async failed(error: unknown) {
      if (write.transaction !== null || !isPartlyWritten(error)) return;
      const { upsertedIds = {} } = toAnswer(error.result);
      const insertedIds = insertedDespite(error, write.options);
      await settle(write, plan, before, { insertedIds, upsertedIds });
    },
  });
  if (plan.filters.length === 0) return settlement([]);
  const filter = oneFilter(plan.filters);
  return filter === null ? settlement(null) : write.findMany(filter).then(settlement);
};

/** Of what the server refuses inside of $or, and a refusal would abort a transaction. */
const ALONE = ['$near', '$nearSphere', '$geoNear', '$text'];
const MOST_CLAUSES = 1_000;

/** One filter for all that the operations may meet; null where one read cannot tell. */
function oneFilter(filters: readonly unknown[]): unknown {
  const ids = filters.map(pinnedId).filter(isId);
  const others = filters.filter((filter) => !isId(pinnedId(filter)));
  const clauses = ids.length > 0 ? [{ _id: { $in: ids } }, ...others] : others;
  if (clauses.length === 1) return clauses[0];
  return clauses.length > MOST_CLAUSES || others.some((filter) => hasAny(filter, ALONE))
    ? null
    : { $or: clauses };
}

function hasAny(value: unknown, names: readonly string[]): boolean {
  if (typeof value !== 'object' || value === null || '_bsontype' in value) return false;
  return Object.entries(value).some(([key, one]) => names.includes(key) || hasAny(one, names));
}

function planOf(write: Write, operations: readonly unknown[]): Plan {
  const inserts: (State | null)[] = [];
  const owners = new Map<number, LoadedDocument>();
  const saves: Save[] = [];
  const filters: unknown[] = [];
  for (const [i, operation] of operations.entries()) {
    const [[name, operand] = ['', null]] = Object.entries((operation ?? {}) as Record<string, unknown>);
    const { filter, update, document = operand } = (operand ?? {}) as Operation;
    inserts.push(name === 'insertOne' ? write.copy(document) : null);
    if (name === 'insertOne') {
      if (isDocument(document)) owners.set(i, document);
      continue;
    }
    const save = saveOf(write, update);
    if (save === null) filters.push(filter ?? {});
    else saves.push(save);
  }
  return { inserts, owners, saves, filters };
}

function isDocument(value: unknown): value is LoadedDocument {
  return typeof value === 'object' && value !== null && '$__' in value;
}

function saveOf(write: Write, update: unknown): Save | null {
  const document = write.loaded.documentOf(update);
  if (document === null) return null;
  const loaded = write.loaded.get(document);
  const isKnown =
    loaded !== null && (write.transaction === null || write.loaded.isOf(loaded, write.transaction));
  if (!isKnown) return null;
  const delta = write.loaded.deltaOf(document, update as State);
  return { document, delta, before: loaded.state, isPartial: loaded.isPartial };
}

async function settle(
  write: Write,
  plan: Plan,
  found: readonly Snapshot[] | null,
  answer: WriteAnswer,
): Promise<void> {
  settleInserts(write, plan, answer);
  const before = (found ?? []).slice(0, write.maxDocuments);
  const upserted = Object.values(answer.upsertedIds ?? {}).filter(isId);
  const isEachSaved = plan.filters.length === 0 && answer.modifiedCount === plan.saves.length;
  const doubtful = isEachSaved ? [] : plan.saves.map((save) => save.before);
  const ids = [...before, ...doubtful].map(idOf);
  const after = await write.findByIds([...ids, ...upserted]);
  if (isEachSaved) for (const save of plan.saves) settleSave(write, save);
  for (const id of upserted) {
    const state = after?.get(idText(id));
    write.created(state ?? { _id: id }, {
      exact: write.transaction !== null && state !== undefined,
      partial: state === undefined,
    });
  }
  if (after === null) for (const state of [...before, ...doubtful]) write.updated(state, null);
  else recordTouched(write, { before, doubtful, after, canDelete: answer.deletedCount !== 0 });
  settleRest(write, found, before, answer);
}

function settleInserts(write: Write, plan: Plan, { insertedIds = {}, acknowledged }: WriteAnswer): void {
  const ids = new Set(Object.values(insertedIds).map(idText));
  const canBeTouched = plan.filters.some((filter) => {
    const id = pinnedId(filter);
    return id === undefined || ids.has(idText(id));
  });
  recordInserts(write, plan.inserts, { insertedIds, exact: acknowledged !== false && !canBeTouched });
  for (const [i, owner] of plan.owners) {
    const state = plan.inserts[i];
    if (state && Object.hasOwn(insertedIds, i))
      write.loaded.set(owner, {
        state: withId(state, insertedIds[i]),
        isPartial: false,
        transaction: write.transaction,
      });
  }
}

function settleSave(write: Write, { document, delta, before, isPartial }: Save): void {
  const state = delta.apply(before);
  write.updated(before, state, { exact: write.transaction !== null, partial: isPartial });
  write.loaded.set(document, { state, isPartial, transaction: write.transaction });
}

interface Touched {
  readonly before: readonly Snapshot[];
  readonly doubtful: readonly State[];
  readonly after: ReadonlyMap<string, Snapshot>;
  readonly canDelete: boolean;
}

function recordTouched(write: Write, { before, doubtful, after, canDelete }: Touched): void {
  const exact = write.transaction !== null;
  for (const [old, now] of compare([...before, ...doubtful], after).changed)
    write.updated(old, now, { exact });
  if (!canDelete) return;
  for (const old of before) if (!after.has(idText(old.id))) write.deleted(old, { exact });
}

/** Operations that touch a document twice count twice: only what was not looked at is counted. */
function settleRest(
  write: Write,
  found: readonly Snapshot[] | null,
  before: readonly Snapshot[],
  { modifiedCount = 0, deletedCount = 0 }: WriteAnswer,
): void {
  if (found !== null && found.length === before.length) return;
  write.more('update', modifiedCount - Math.min(before.length, modifiedCount));
  write.more('delete', deletedCount - Math.max(0, before.length - modifiedCount));
}
