import { AsyncLocalStorage } from 'node:async_hooks';
import { Transaction } from '../../lib/changes/transaction';
import {
  type ClientSession,
  Collected,
  type Connection,
  MONGOOSES,
  type ReplicaSet,
  startReplicaSet,
} from './replica-set';

let replicaSet: ReplicaSet;
beforeAll(async () => {
  replicaSet = await startReplicaSet();
}, 60_000);
afterAll(() => replicaSet.stop());

describe.each(MONGOOSES)('a transaction of %s', (_, mongoose) => {
  const collected = new Collected();
  let connection: Connection;
  let session: ClientSession;
  let Item: ReturnType<typeof itemModel>;
  let reads = 0;

  function itemModel() {
    const schema = new mongoose.Schema({ name: String, n: Number, tags: [String] });
    schema.plugin(collected.plugin());
    return connection.model('Item', schema);
  }

  beforeAll(async () => {
    connection = await replicaSet.connect(mongoose);
    Item = itemModel();
    await Item.init();
    connection.getClient().on('commandStarted', ({ commandName }) => {
      if (commandName === 'find') reads += 1;
    });
  });
  beforeEach(async () => {
    await Item.collection.deleteMany({});
    await Item.create({ name: 'one', n: 1, tags: ['a'] });
    collected.clear();
    session = await connection.startSession();
  });
  afterEach(() => session.endSession());

  async function theItem(options = {}) {
    const item = await Item.findOne({ name: 'one' }, null, options);
    if (item === null) throw new Error('it is gone');
    return item;
  }

  /** Commits take place, and are answered as if nobody knew, until this is called again with 'off'. */
  const failCommits = (mode: 'alwaysOn' | 'off') =>
    connection
      .getClient()
      .db('admin')
      .command({
        configureFailPoint: 'failCommand',
        mode,
        data: { failCommands: ['commitTransaction'], writeConcernError: { code: 64, errmsg: 'late' } },
      });

  it('reads a document that was loaded outside once when it is saved, and is exact', async () => {
    const item = await theItem();
    await Item.collection.updateOne({ name: 'one' }, { $push: { tags: 'b' } } as object);
    collected.clear();
    item.tags.push('c');
    item.n = 2;
    reads = 0;
    await session.withTransaction(() => item.save({ session }));
    expect(reads).toBe(1);
    expect(collected.changes).toMatchObject([
      { exact: true, before: { n: 1, tags: ['a', 'b'] }, after: { n: 2, tags: ['a', 'b', 'c'] } },
    ]);
  });

  it('takes no copy for exact that another write of its own made stale', async () => {
    session.startTransaction();
    const item = await theItem({ session });
    await Item.updateOne({ name: 'one' }, { n: 5 }, { session });
    item.tags.push('b');
    await item.save({ session });
    await session.commitTransaction();
    const [, saved] = collected.changes;
    expect(saved).toMatchObject({
      exact: true,
      before: { n: 5, tags: ['a'] },
      after: { n: 5, tags: ['a', 'b'] },
    });
  });

  it('leaves the states of documents as they were when it is aborted', async () => {
    const item = await theItem();
    item.n = 2;
    session.startTransaction();
    await item.save({ session });
    await session.abortTransaction();
    item.$session(null);
    item.n = 3;
    await item.save();
    expect(collected.changes).toMatchObject([{ before: { n: 1 }, after: { n: 3 } }]);
  });

  it('records in the context of the write, wherever it is committed', async () => {
    const storage = new AsyncLocalStorage<string>();
    const seen: (string | undefined)[] = [];
    collected.onRecord = () => seen.push(storage.getStore());
    session.startTransaction();
    await storage.run('write', async () => void (await Item.updateOne({}, { n: 2 }, { session })));
    await storage.run('commit', () => session.commitTransaction());
    await storage.run('plain', async () => void (await Item.updateOne({}, { n: 3 })));
    expect(seen).toEqual(['write', 'plain']);
    collected.onRecord = () => {};
  });

  it('records once what was committed at the second try', async () => {
    await failCommits('alwaysOn');
    session.startTransaction();
    await Item.updateOne({}, { n: 2 }, { session });
    await expect(session.commitTransaction()).rejects.toThrow();
    expect(collected.changes).toEqual([]);
    await failCommits('off');
    await session.commitTransaction();
    await session.endSession();
    expect(collected.changes).toHaveLength(1);
    expect(collected.changes[0]).toMatchObject({ exact: true });
    expect(collected.changes[0]).not.toHaveProperty('outcome');
  });

  it('records as unknown what nobody knows to be committed', async () => {
    await failCommits('alwaysOn');
    session.startTransaction();
    await Item.updateOne({}, { n: 2 }, { session });
    await expect(session.commitTransaction()).rejects.toThrow();
    await failCommits('off');
    await session.endSession();
    expect(collected.changes).toMatchObject([{ outcome: 'unknown', exact: false, after: { n: 2 } }]);
  });

  it('is not aborted by a filter that reads refuse beside another', async () => {
    await Item.collection.createIndex({ at: '2dsphere' } as never);
    const $near = { $geometry: { type: 'Point', coordinates: [1, 1] } };
    const operations = [
      { updateOne: { filter: { at: { $near } }, update: { $set: { n: 7 } } } },
      { updateMany: { filter: { name: 'one' }, update: { $set: { n: 8 } } } },
    ];
    session.startTransaction();
    await Item.collection.bulkWrite(operations as never, { session });
    await session.commitTransaction();
    expect(await Item.countDocuments({ n: 8 })).toBe(1);
    expect(collected.mores).toMatchObject([{ action: 'update', count: 1 }]);
    expect(collected.errors).toEqual([]);
  });

  it('forgets what its session left open', async () => {
    session.startTransaction();
    await Item.updateOne({}, { n: 2 }, { session });
    await session.endSession();
    expect(collected.changes).toEqual([]);
  });

  it('records a second one of the same session by itself', async () => {
    session.startTransaction();
    await Item.updateOne({}, { n: 2 }, { session });
    await session.abortTransaction();
    session.startTransaction();
    await Item.updateOne({}, { n: 3 }, { session });
    await session.commitTransaction();
    await Item.updateOne({}, { n: 4 }, { session });
    expect(collected.changes).toMatchObject([
      { exact: true, before: { n: 1 }, after: { n: 3 } },
      { exact: false, before: { n: 3 }, after: { n: 4 } },
    ]);
  });
});

it('counts what is more than a transaction may hold in memory', () => {
  const collected = new Collected();
  const transaction = new Transaction({ recorder: collected });
  const object = { type: 'items', id: '1' };
  const states = { before: null, after: { text: 'x'.repeat(1024 * 1024) } };
  for (let i = 0; i < 40; i++)
    transaction.hold({
      action: 'create',
      object,
      ...states,
      exact: true,
      partial: false,
      masked: [],
      maxBytes: 1,
    });
  transaction.commit();
  expect(collected.changes).toHaveLength(31);
  expect(collected.mores).toEqual([{ action: 'create', type: 'items', count: 9 }]);
});
