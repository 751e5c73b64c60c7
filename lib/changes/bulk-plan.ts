import type { Delta } from './apply-delta';
import type { LoadedDocument, State } from './driver';
import { idText } from './states';
import { isId } from './updates';
import { pinnedId, type Write } from './write';

/** An update by a document whose state is known as it was loaded. */
export interface Save {
  readonly document: LoadedDocument;
  readonly delta: Delta;
  readonly before: State;
  readonly isPartial: boolean;
}

/** What the operations of a bulk write are. */
export interface Plan {
  /** By the place of the operation, null where it is none, or beyond what is recorded. */
  readonly inserts: readonly (State | null)[];
  readonly owners: ReadonlyMap<number, LoadedDocument>;
  readonly saves: readonly Save[];
  /** All others: what they meet is read. */
  readonly others: readonly Operation[];
}

interface Operation {
  readonly filter?: unknown;
  readonly update?: unknown;
  readonly document?: unknown;
  readonly collation?: unknown;
}

export function planOf(write: Write, operations: readonly unknown[]): Plan {
  const inserts: (State | null)[] = [];
  const owners = new Map<number, LoadedDocument>();
  const saves: Save[] = [];
  const others: Operation[] = [];
  let copies = 0;
  for (const [i, operation] of operations.entries()) {
    const [[name, operand] = ['', null]] = Object.entries((operation ?? {}) as Record<string, unknown>);
    const known = (operand ?? {}) as Operation;
    const { document = operand } = known;
    if (name === 'insertOne') {
      copies += 1;
      inserts.push(copies <= write.maxDocuments ? write.copy(document) : null);
      if (isDocument(document)) owners.set(i, document);
      continue;
    }
    inserts.push(null);
    const save = saveOf(write, known.update);
    if (save === null) others.push(known);
    else saves.push(save);
  }
  return { inserts, owners, saves, others };
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
  if (!isKnown) {
    write.loaded.forget(document);
    return null;
  }
  const delta = write.loaded.deltaOf(document, update as State);
  return { document, delta, before: loaded.state, isPartial: loaded.isPartial };
}

/** The id of the only document that an operation can meet. */
function idOfOnly({ filter, collation }: Operation): unknown {
  const id = pinnedId(filter);
  // another collation lets a text match several
  return collation === undefined || typeof id === 'object' ? id : undefined;
}

/** Of what the server refuses inside of $or, and a refusal would abort a transaction. */
const ALONE = ['$near', '$nearSphere', '$geoNear', '$text'];
const MOST_CLAUSES = 1_000;

export interface Meeting {
  /** Null where there is nothing to read. */
  readonly filter: State | null;
  /** Whether it is all that the operations may meet. */
  readonly isWhole: boolean;
}

/** One filter for what the operations may meet, as far as one read can tell. */
export function meetingOf({ others }: Plan): Meeting {
  const ids = others.map(idOfOnly).filter(isId);
  const rest = others.filter((operation) => !isId(idOfOnly(operation)));
  const filters = rest
    .filter(({ collation }) => collation === undefined)
    .map(({ filter }) => (filter ?? {}) as State);
  const readable = others.length === 1 ? filters : filters.filter((filter) => !hasAny(filter, ALONE));
  const clauses = ids.length > 0 ? [{ _id: { $in: ids } }, ...readable] : readable;
  const [first = null] = clauses;
  return {
    filter: clauses.length > 1 ? { $or: clauses.slice(0, MOST_CLAUSES) } : first,
    isWhole: readable.length === rest.length && clauses.length <= MOST_CLAUSES,
  };
}

function hasAny(value: unknown, names: readonly string[]): boolean {
  if (typeof value !== 'object' || value === null || '_bsontype' in value) return false;
  return Object.entries(value).some(([key, one]) => names.includes(key) || hasAny(one, names));
}

/** Tells which documents other operations than their insert may meet. */
export function reachOf({ others }: Plan): (id: unknown) => boolean {
  const ids = others.map(idOfOnly);
  const known = new Set(ids.map(idText));
  return ids.every(isId) ? (id) => known.has(idText(id)) : () => true;
}
