import { AsyncLocalStorage } from 'node:async_hooks';
import { Transaction } from '../../lib/changes/transaction';
import {
  type ClientSession,
  Collected,
  type Connection,
  MONGOOSES,
  type ReplicaSet,
  rawDocuments,
  startReplicaSet,
} from './replica-set';

let replicaSet: ReplicaSet;
beforeAll(async () => {
  replicaSet = await startReplicaSet();
}, 60_000);
afterAll(() => replicaSet.stop());

/** Lists of mongoose. */
interface Popping {
  $pop(): unknown;
  $shift(): unknown;
}

describe.each(MONGOOSES)('a transaction of %s', (_, mongoose) => {
  const collected = new Collected();
  let connection: Connection;
  let session: ClientSession;
  let Item: ReturnType<typeof itemModel>;
  let reads = 0;

  function itemModel(on = connection, options = {}) {
    const schema = new mongoose.Schema({ name: String, n: Number, tags: [String], parts: [{ sku: String }] });
    schema.plugin(collected.plugin(options));
    return on.model('Item', schema);
  }

  /** The same documents, of which each write shows one only. */
  const fewModel = () => itemModel(connection.useDb(connection.name), { maxDocuments: 1 });

  type Item = Awaited<ReturnType<typeof theItem>>;

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
  const failCommits = (mode: 'alwaysOn' | 'off', code = 64) =>
    connection
      .getClient()
      .db('admin')
      .command({
        configureFailPoint: 'failCommand',
        mode,
        data: { failCommands: ['commitTransaction'], writeConcernError: { code, errmsg: 'late' } },
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

  it.each<[string, (item: Item) => unknown, object]>([
    ['deletes a sub-document', (item) => item.parts[0]?.deleteOne(), { parts: [{ sku: 'b' }, { sku: 'c' }] }],
    ['pops', (item) => (item.tags as unknown as Popping).$pop(), { tags: ['a'] }],
    ['shifts', (item) => (item.tags as unknown as Popping).$shift(), { tags: ['b'] }],
  ])('is exact of a document that was loaded outside, also one that %s', async (_case, change, after) => {
    await Item.updateOne({}, { parts: [{ sku: 'a' }, { sku: 'b' }] });
    const item = await theItem();
    const part = { _id: new mongoose.Types.ObjectId(), sku: 'c' };
    const push = { $push: { tags: 'b', parts: part } };
    await Item.collection.updateOne({ name: 'one' }, push as object);
    collected.clear();
    change(item);
    reads = 0;
    await session.withTransaction(() => item.save({ session }));
    expect(reads).toBe(1);
    expect(collected.changes).toMatchObject([{ exact: true, before: { tags: ['a', 'b'] }, after }]);
    const [stored] = (await rawDocuments(connection, 'items')).values();
    expect(collected.changes[0]?.after).toEqual(stored);
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

  it.each([
    ['that was not answered in time', 64],
    ['with a write concern that no server can meet', 100],
    ['with a write concern that no server knows', 79],
  ])('records as unknown what nobody knows to be committed: a commit %s', async (_case, code) => {
    await failCommits('alwaysOn', code);
    session.startTransaction();
    await Item.updateOne({}, { n: 2 }, { session });
    await expect(session.commitTransaction()).rejects.toMatchObject({ code });
    await failCommits('off');
    await session.endSession();
    expect(collected.changes).toMatchObject([{ outcome: 'unknown', exact: false, after: { n: 2 } }]);
  });

  it('says of what it only counts that it is unknown, too', async () => {
    await Item.create({ name: 'one' }, { name: 'one' });
    const Few = fewModel();
    collected.clear();
    await failCommits('alwaysOn');
    session.startTransaction();
    await Few.updateMany({}, { n: 2 }, { session });
    await expect(session.commitTransaction()).rejects.toThrow();
    await failCommits('off');
    await session.endSession();
    expect(collected.mores).toEqual([{ action: 'update', type: 'items', count: 2, outcome: 'unknown' }]);
  });

  it('calls nothing exact that two writes at once did to one document', async () => {
    const other = await Item.create({ name: 'other', n: 1 });
    collected.clear();
    await session.withTransaction(async () => {
      collected.clear();
      await Item.findOne({}, null, { session });
      const inc = (filter: object) => Item.updateOne(filter, { $inc: { n: 1 } }, { session });
      await Promise.all([inc({ name: 'one' }), inc({ name: 'one' }), inc({ name: 'other' })]);
      await inc({ name: 'other' });
    });
    const exact = (id: unknown) =>
      collected.changes.filter(({ object }) => object.id === String(id)).map((one) => one.exact);
    expect(exact(other._id)).toEqual([true, true]);
    expect(collected.changes.filter((one) => !one.exact)).toHaveLength(2);
  });

  it('calls nothing exact that was written beside documents nobody knows', async () => {
    const Few = fewModel();
    await Item.create({ name: 'two', n: 1 }, { name: 'three', n: 1 });
    collected.clear();
    await session.withTransaction(async () => {
      collected.clear();
      await Item.findOne({}, null, { session });
      const inc = { $inc: { n: 1 } };
      await Promise.all([Few.updateMany({}, inc, { session }), Item.updateMany({}, inc, { session })]);
    });
    expect(collected.mores).toHaveLength(1);
    expect(collected.changes.filter(({ exact }) => exact)).toEqual([]);
  });

  it('is not aborted by a filter that reads refuse beside another', async () => {
    await Item.collection.createIndex({ at: '2dsphere' } as never);
    const $near = { $geometry: { type: 'Point', coordinates: [1, 1] } };
    const at = { type: 'Point', coordinates: [1, 1] };
    await Item.collection.insertOne({ name: 'near', n: 1, at } as never);
    collected.clear();
    const operations = [
      { updateOne: { filter: { at: { $near } }, update: { $set: { n: 7 } } } },
      { updateMany: { filter: { name: 'one' }, update: { $set: { n: 8 } } } },
    ];
    session.startTransaction();
    await Item.collection.bulkWrite(operations as never, { session });
    await session.commitTransaction();
    expect(collected.changes).toMatchObject([{ exact: true, before: { n: 1 }, after: { n: 8 } }]);
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
  const change = { action: 'create', object, ...states, exact: true, partial: false } as const;
  for (let i = 0; i < 40; i++) transaction.hold({ ...change, masked: [], maxBytes: 1 }, transaction.begin());
  transaction.commit();
  expect(collected.changes).toHaveLength(31);
  expect(collected.mores).toEqual([{ action: 'create', type: 'items', count: 9 }]);
});
