import type { State } from './driver';
import { type Handler, insertedDespite, isPartlyWritten, toAnswer } from './handler';
import type { Write } from './write';

export const insertOne: Handler = (write, [document]) => {
  const state = write.copy(document);
  const owner = write.loaded.documentOf(document);
  return {
    done(result) {
      const { insertedId, acknowledged } = toAnswer(result);
      const after = withId(state, insertedId);
      write.created(after, { exact: acknowledged !== false });
      if (owner !== null)
        write.loaded.set(owner, { state: after, isPartial: false, transaction: write.transaction });
    },
  };
};

export const insertMany: Handler = (write, [documents]) => {
  if (!Array.isArray(documents)) return null;
  const states = documents.slice(0, write.maxDocuments).map((document) => write.copy(document));
  return {
    done(result) {
      const { insertedIds = {}, acknowledged } = toAnswer(result);
      recordInserts(write, states, { insertedIds, exact: acknowledged !== false });
    },
    failed(error) {
      if (write.transaction !== null || !isPartlyWritten(error)) return;
      recordInserts(write, states, { insertedIds: insertedDespite(error, write.options), exact: true });
    },
  };
};

interface Inserts {
  readonly insertedIds: Readonly<Record<number, unknown>>;
  readonly exact: boolean;
}

/** Records the inserts that have an id, and counts those of which there is no copy. */
function recordInserts(write: Write, states: readonly State[], { insertedIds, exact }: Inserts): void {
  const inserted = insertedStates(states, insertedIds);
  for (const after of inserted) write.created(after, { exact });
  write.more('create', Object.keys(insertedIds).length - inserted.length);
}

/** Those that an answer says to be inserted, by the place of the operation. */
export function insertedStates(
  states: readonly (State | null)[],
  insertedIds: Inserts['insertedIds'],
): readonly State[] {
  return states.flatMap((state, i) =>
    state !== null && Object.hasOwn(insertedIds, i) ? [withId(state, insertedIds[i])] : [],
  );
}

/** The server puts `_id` first. */
export function withId(state: State, id: unknown): State {
  const { _id = id, ...rest } = state;
  return { _id, ...rest };
}
