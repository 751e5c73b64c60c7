import type { State } from './driver';
import { type Handler, toAnswer } from './handler';
import type { Snapshot } from './snapshot';
import { copyState, idText } from './states';
import type { Write } from './write';

export const deleteOne: Handler = async (write, [filter]) => {
  const found = await write.findOne(filter);
  return {
    done(result) {
      const { deletedCount } = toAnswer(result);
      const before = found?.states[0];
      if (deletedCount === 0) return;
      if (before === undefined) write.more('delete', deletedCount ?? 0);
      else write.deleted(before, { exact: write.transaction !== null && found?.isWhole === true });
    },
  };
};

export const deleteMany: Handler = async (write, [filter]) => {
  const found = await write.findMany(filter);
  return {
    done(result) {
      const recorded = found?.states ?? [];
      const { deletedCount = recorded.length } = toAnswer(result);
      if (deletedCount === 0) return;
      for (const before of recorded) write.deleted(before, { exact: write.transaction !== null });
      write.more('delete', deletedCount - recorded.length);
    },
  };
};

/** The server answers with the very document: the one read is for a projection only. */
export const findOneAndDelete: Handler = async (write, [filter]) => {
  const found = write.hasProjection ? await write.findOne(filter, ['sort']) : null;
  return {
    done(result) {
      const answered = answeredState(write, result);
      if (answered === null) return;
      if (!write.hasProjection) write.deleted(answered, { exact: true });
      else deletedBehindProjection(write, answered, found?.states[0]);
    },
  };
};

function deletedBehindProjection(write: Write, answered: State, read: Snapshot | undefined): void {
  const isKnown = answered._id !== undefined;
  if (isKnown && read !== undefined && idText(read.id) === idText(answered._id))
    write.deleted(read, { exact: write.transaction !== null });
  else if (isKnown) write.deleted(answered, { exact: false, partial: true });
  else if (read !== undefined) write.deleted(read, { exact: false });
  else write.more('delete', 1);
}

/** The document in an answer of findOneAnd..., copied before the app gets it; null where there was none. */
export function answeredState(write: Write, result: unknown): State | null {
  const { includeResultMetadata } = write.options;
  const value = includeResultMetadata ? (result as { value?: unknown } | null)?.value : result;
  return typeof value === 'object' && value !== null ? copyState(value) : null;
}
