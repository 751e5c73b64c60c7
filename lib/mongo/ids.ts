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
    readonly attempt: number;
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

interface HandOut {
  readonly writer: string;
  readonly count: number;
  /** The number of this attempt. */
  readonly attempt: number;
  /** The last attempt of this writer under whose ids, and those of the attempts before it, nothing can appear. */
  readonly settled: number;
}

/** The pipeline that hands out ids; blocks of attempts that are not settled go on in the new one. */
function handOut({ writer, count, attempt, settled }: HandOut): object[] {
  const last = { $ifNull: ['$last', 0] };
  const isOwn = { $eq: ['$$block.writer', writer] };
  const open = blocksWhere({ $and: [isOwn, { $gt: ['$$block.attempt', settled] }] });
  const others = blocksWhere({ $and: [{ $not: [isOwn] }, { $gt: ['$$block.at', liveSince] }] });
  const each = (field: string): object => ({ $map: { input: open, as: 'block', in: `$$block.${field}` } });
  const block = {
    writer,
    attempt: { $max: [attempt, { $max: each('attempt') }] },
    first: { $min: [{ $add: [last, 1] }, { $min: each('first') }] },
    last: { $add: [last, count] },
    at: '$$NOW',
  };
  return [{ $set: { last: { $add: [last, count] }, blocks: { $concatArrays: [others, [block]] } } }];
}

/**
 * Hands out the integer ids, a block for every attempt to store a batch. One command does it: it counts on,
 * forgets this writer's settled blocks and notes the new one as in flight, at the server's time. Each command
 * names the attempts it knows of, so that one which a slow network delivers late frees no ids of a later one.
 */
export class Ids {
  private attempt = 0;
  private settled = 0;
  private released = 0;

  constructor(
    private readonly collection: string,
    private readonly writer: string,
  ) {}

  private counters(db: Db) {
    return db.collection<Counter>(this.collection);
  }

  /** @returns the first of `count` ids, in flight until `settle` and the next command */
  async allocate(db: Db, count: number): Promise<number> {
    this.attempt += 1;
    const pipeline = handOut({ writer: this.writer, count, attempt: this.attempt, settled: this.settled });
    const update = (): Promise<Counter | null> =>
      this.counters(db).findOneAndUpdate({ _id: COUNTER }, pipeline, {
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

  /** Says that nothing can appear any more under any id that was handed out here. */
  settle(): void {
    this.settled = this.attempt;
  }

  /** Takes this writer's block out of those in flight, unless something may still appear under its ids. */
  async release(db: Db): Promise<void> {
    const { settled } = this;
    if (settled < this.attempt || this.released === settled) return;
    await this.counters(db).updateOne(
      { _id: COUNTER },
      { $pull: { blocks: { writer: this.writer, attempt: { $lte: settled } } } } as object,
      { ...READ_OPTIONS, writeConcern: MAJORITY, maxTimeMS: MAX_TIME_MS },
    );
    this.released = settled;
  }

  /** Moves a counter that fell behind (restored from a backup) past the highest id in use. */
  async raise(db: Db, highest: number): Promise<void> {
    const update = [{ $set: { last: { $max: [{ $ifNull: ['$last', 0] }, highest] } } }];
    await this.counters(db).updateOne({ _id: COUNTER }, update, {
      ...READ_OPTIONS,
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
