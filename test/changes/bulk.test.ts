import { freshUri } from '../support/app';
import { Collected, type Connection, MONGOOSES } from './replica-set';

describe.each(MONGOOSES)('a bulk write of %s', (_, mongoose) => {
  const { Schema } = mongoose;
  const { ObjectId } = mongoose.Types;
  let collected: Collected;
  let connection: Connection;

  beforeEach(async () => {
    collected = new Collected();
    connection = await mongoose.createConnection(freshUri()).asPromise();
  });
  afterEach(async () => {
    await connection.dropDatabase();
    await connection.close();
  });

  function itemModel(options = {}) {
    const schema = new Schema({ name: String, n: Number, nested: { a: Number, b: Number } });
    schema.plugin(collected.plugin(options));
    return connection.model('Item', schema);
  }
  type Item = ReturnType<typeof itemModel>;

  /** As JavaScript calls it. */
  async function write(Item: Item, ...operations: object[]): Promise<void> {
    collected.clear();
    await Item.collection.bulkWrite(operations as never);
  }

  it('records what it created as later operations left it', async () => {
    const Item = itemModel();
    const [_id, kept] = [new ObjectId(), new ObjectId()];
    await write(
      Item,
      { insertOne: { document: { _id, n: 1 } } },
      { insertOne: { document: { _id: kept, n: 1 } } },
      { updateOne: { filter: { _id }, update: { $set: { n: 2 } } } },
    );
    expect(collected.changes).toMatchObject([
      { action: 'create', object: { id: String(_id) }, after: { n: 2 }, exact: false },
      { action: 'create', object: { id: String(kept) }, after: { n: 1 }, exact: true },
    ]);
  });

  it('records what it created and deleted again', async () => {
    const Item = itemModel();
    await write(
      Item,
      { insertOne: { document: { name: 'gone', n: 1 } } },
      { deleteMany: { filter: { name: 'gone' } } },
      { updateOne: { filter: { name: 'upserted' }, update: { $set: { n: 1 } }, upsert: true } },
      { deleteOne: { filter: { name: 'upserted' } } },
    );
    expect(collected.changes).toMatchObject([
      { action: 'create', after: { name: 'gone' }, exact: false },
      { action: 'delete', before: { name: 'gone' }, exact: false },
      { action: 'create', exact: false, partial: true },
      { action: 'delete', exact: false, partial: true },
    ]);
  });

  it('counts what a collation of one operation met', async () => {
    const Item = itemModel();
    await Item.create({ name: 'a', n: 1 }, { name: 'b', n: 1 });
    const collation = { locale: 'en', strength: 2 };
    await write(
      Item,
      { updateOne: { filter: { name: 'A' }, update: { $set: { n: 2 } }, collation } },
      { updateOne: { filter: { name: 'b' }, update: { $set: { n: 2 } } } },
    );
    expect(collected.changes).toMatchObject([{ after: { name: 'b', n: 2 } }]);
    expect(collected.mores).toEqual([{ action: 'update', type: 'items', count: 1 }]);
  });

  it('records 1,000 documents of 1,200 operations with a filter each, and counts the others', async () => {
    const Item = itemModel();
    await Item.insertMany(Array.from({ length: 1_200 }, (_unused, n) => ({ n })));
    const operations = Array.from({ length: 1_200 }, (_unused, n) => ({
      updateOne: { filter: { n }, update: { $set: { name: 'all' } } },
    }));
    await write(Item, ...operations);
    expect(collected.changes).toHaveLength(1_000);
    expect(collected.mores).toEqual([{ action: 'update', type: 'items', count: 200 }]);
  });

  it('counts what it changed beyond the documents that it looked at', async () => {
    const Item = itemModel({ maxDocuments: 2 });
    const items = await Item.insertMany([1, 1, 1, 1].map((n) => ({ n })));
    const last = items[3]?._id;
    await write(
      Item,
      { updateOne: { filter: { n: 1 }, update: { $set: { name: 'first' } } } },
      { updateOne: { filter: { _id: last }, update: { $set: { name: 'last' } } } },
    );
    const counted = collected.mores.reduce((sum, { count }) => sum + count, 0);
    expect(collected.changes.length + counted).toBe(2);
  });

  it('counts inserts, upserts and saves beyond maxDocuments', async () => {
    const Item = itemModel({ maxDocuments: 2 });
    const all = [1, 2, 3];
    const outcome = () => [
      collected.changes.map(({ action }) => action),
      collected.mores.map(({ action, count }) => [action, count]),
    ];
    await write(Item, ...all.map((n) => ({ insertOne: { document: { n } } })));
    expect(outcome()).toEqual([['create', 'create'], [['create', 1]]]);
    const upsert = (n: number) => ({ filter: { name: `u${n}` }, update: { $set: { n } }, upsert: true });
    await write(Item, ...all.map((n) => ({ updateOne: upsert(n) })));
    expect(outcome()).toEqual([['create', 'create'], [['create', 1]]]);
    const items = await Item.find();
    for (const item of items) item.set('nested.a', 1);
    collected.clear();
    await Item.bulkSave(items);
    expect(outcome()).toEqual([['update', 'update'], [['update', 4]]]);
    for (const item of items) item.set('nested.a', 2);
    items[0]?.set('nested.a', 1).markModified('nested.a');
    collected.clear();
    await Item.bulkSave(items);
    expect(outcome()).toEqual([['update'], [['update', 4]]]);
    expect(collected.changes[0]).toMatchObject({ before: { nested: { a: 1 } }, after: { nested: { a: 2 } } });
  });

  it('that fails counts what it changed unseen', async () => {
    const Item = itemModel({ maxDocuments: 1 });
    const [first] = await Item.insertMany([1, 1, 1].map((n) => ({ n })));
    const failing = write(
      Item,
      { updateMany: { filter: {}, update: { $set: { n: 2 } } } },
      { insertOne: { document: { _id: first?._id } } },
    );
    await expect(failing).rejects.toThrow('E11000');
    expect(collected.changes).toMatchObject([{ action: 'update', after: { n: 2 } }]);
    expect(collected.mores).toEqual([{ action: 'update', type: 'items', count: 2 }]);
  });

  it('of saves records only those that changed something, in parts where parts were loaded', async () => {
    const Item = itemModel();
    await Item.create({ name: 'a', n: 1, nested: { a: 1, b: 1 } }, { name: 'b', n: 2 });
    collected.clear();
    const items = await Item.find({}, 'n nested.a').sort({ n: 1 });
    items[0]?.set('nested.a', 9);
    items[1]?.markModified('n');
    await Item.bulkSave(items);
    const [first] = items;
    expect(collected.changes).toMatchObject([{ exact: false, partial: true }]);
    expect(collected.changes[0]?.before).toEqual({ _id: first?._id, n: 1, nested: { a: 1 } });
    expect(collected.changes[0]?.after).toEqual({ _id: first?._id, n: 1, nested: { a: 9 } });
    first?.set('n', 5);
    await first?.save();
    expect(collected.changes[1]).toMatchObject({ before: { n: 1, nested: { a: 9 } }, after: { n: 5 } });
  });
});
