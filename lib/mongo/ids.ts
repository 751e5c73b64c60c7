import { type Db, READ_OPTIONS } from './connection';

const COUNTER = 'events';
const MAJORITY = { w: 'majority', wtimeout: 20_000 } as const;
const MAX_TIME_MS = 20_000;
const DUPLICATE_KEY = 11_000;
/** Well after the longest attempt of a living writer: what is older belongs to a dead one. */
export const BLOCK_EXPIRY_MS = 180_000;

interface Counter {
  readonly _id: string;
  readonly last: number;
  readonly blocks: readonly {
    readonly writer: string;
    readonly first: number;
    readonly last: number;
    readonly at: Date;
  }[];
}

const liveSince = { $subtract: ['$$NOW', BLOCK_EXPIRY_MS] };
const blocks = { $ifNull: ['$blocks', []] };

function blocksWhere(condition: object): object {
  return { $filter: { input: blocks, as: 'block', cond: condition } };
}

/** The pipeline that hands out `count` ids; `keepsFirst` while what became of this writer's last block is unknown. */
function handOut(writer: string, count: number, keepsFirst: boolean): object[] {
  const last = { $ifNull: ['$last', 0] };
  const next = { $add: [last, 1] };
  const own = blocksWhere({ $eq: ['$$block.writer', writer] });
  const first = keepsFirst
    ? { $min: [next, { $min: { $map: { input: own, as: 'block', in: '$$block.first' } } }] }
    : next;
  const others = blocksWhere({
    $and: [{ $ne: ['$$block.writer', writer] }, { $gt: ['$$block.at', liveSince] }],
  });
  const block = { writer, first, last: { $add: [last, count] }, at: '$$NOW' };
  return [{ $set: { last: { $add: [last, count] }, blocks: { $concatArrays: [others, [block]] } } }];
}

/**
 * Hands out the integer ids, a block for every attempt to store a batch. One command does it: it counts on,
 * forgets this writer's previous block and notes the new one as in flight, at the server's time.
 */
export class Ids {
  constructor(
    private readonly collection: string,
    private readonly writer: string,
  ) {}

  private counters(db: Db) {
    return db.collection<Counter>(this.collection);
  }

  /**
   * @param keepsFirst true when the result of this writer's last attempt is unknown: events may still appear
   * under its ids, so the safe point must not pass them yet
   * @returns the first of `count` ids
   */
  async allocate(db: Db, count: number, keepsFirst: boolean): Promise<number> {
    const update = (): Promise<Counter | null> =>
      this.counters(db).findOneAndUpdate({ _id: COUNTER }, handOut(this.writer, count, keepsFirst), {
        ...READ_OPTIONS,
        upsert: true,
        returnDocument: 'after',
        includeResultMetadata: false,
        writeConcern: MAJORITY,
        maxTimeMS: MAX_TIME_MS,
      }) as Promise<Counter | null>;
    let counter: Counter | null;
    try {
      counter = await update();
    } catch (error) {
      // two writers met in creating the counter
      if ((error as { code?: unknown }).code !== DUPLICATE_KEY) throw error;
      counter = await update();
    }
    if (counter === null) throw new Error('The counter was not returned.');
    return counter.last - count + 1;
  }

  /** Says that nothing of this writer's is in flight. */
  async release(db: Db): Promise<void> {
    await this.counters(db).updateOne(
      { _id: COUNTER },
      { $pull: { blocks: { writer: this.writer } } } as object,
      {
        writeConcern: MAJORITY,
        maxTimeMS: MAX_TIME_MS,
      },
    );
  }

  /** Moves a counter that fell behind (restored from a backup) past the highest id in use. */
  async raise(db: Db, highest: number): Promise<void> {
    const update = [{ $set: { last: { $max: [{ $ifNull: ['$last', 0] }, highest] } } }];
    await this.counters(db).updateOne({ _id: COUNTER }, update, {
      writeConcern: MAJORITY,
      maxTimeMS: MAX_TIME_MS,
    });
  }

  /** The highest id below which nothing can appear any more. */
  async safePoint(db: Db): Promise<number> {
    const live = blocksWhere({ $gt: ['$$block.at', liveSince] });
    const lowest = { $min: { $map: { input: live, as: 'block', in: '$$block.first' } } };
    const safe = { $ifNull: [{ $subtract: [lowest, 1] }, '$last'] };
    const [row] = await this.counters(db)
      .aggregate<{ safe: number }>([{ $match: { _id: COUNTER } }, { $project: { safe } }], {
        ...READ_OPTIONS,
        readConcern: { level: 'majority' },
        readPreference: 'primary',
        maxTimeMS: MAX_TIME_MS,
      })
      .toArray();
    return row?.safe ?? 0;
  }
}
