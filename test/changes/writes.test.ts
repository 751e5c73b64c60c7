import { AsyncLocalStorage } from 'node:async_hooks';
import { freshUri } from '../support/app';
import { Collected, type Connection, MONGOOSES } from './replica-set';

describe.each(MONGOOSES)('writes of %s', (_, mongoose) => {
  const { Schema } = mongoose;
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

  function itemModel(on = connection) {
    const schema = new Schema({ name: String, n: Number, mixed: Schema.Types.Mixed });
    schema.plugin(collected.plugin());
    return on.model('Item', schema);
  }

  it('are recorded as far as they went when they failed', async () => {
    const Item = itemModel();
    const { _id } = await Item.create({ n: 0 });
    collected.clear();
    await expect(Item.insertMany([{ n: 1 }, { _id, n: 2 }, { n: 3 }])).rejects.toThrow('E11000');
    await expect(Item.insertMany([{ n: 4 }, { _id }, { n: 5 }], { ordered: false })).rejects.toThrow(
      'E11000',
    );
    const bulk = [
      { updateOne: { filter: { n: 0 }, update: { n: 6 } } },
      { insertOne: { document: { _id } } },
    ];
    await expect(Item.bulkWrite(bulk as never)).rejects.toThrow('E11000');
    const changed = collected.changes.map(({ action, after }) => [action, (after as { n: number }).n]);
    expect(changed).toEqual([
      ['create', 1],
      ['create', 4],
      ['create', 5],
      ['update', 6],
    ]);
  });

  it('go on as ever when the reads fail or the recorder throws, which is reported', async () => {
    const Item = itemModel();
    await Item.create({ n: 1 });
    collected.clear();
    collected.onRecord = () => {
      throw new Error('recorder');
    };
    await Item.updateOne({}, { n: 2 });
    await Item.create({ n: 3 });
    collected.onRecord = () => {};
    // what reads take their collection from; mongoose took its own long ago
    const native = connection.db?.constructor.prototype as { collection: (...args: unknown[]) => unknown };
    const { collection } = native;
    native.collection = () => {
      throw new Error('unreadable');
    };
    const result = await Item.updateOne({ n: 2 }, { n: 4 }).finally(() => {
      native.collection = collection;
    });
    expect(result).toMatchObject({ acknowledged: true, modifiedCount: 1 });
    expect(collected.errors.map(({ code }) => code)).toEqual([
      'AUDIT_CHANGE_UNRECORDED',
      'AUDIT_CHANGE_UNRECORDED',
      'AUDIT_CHANGE_UNREAD',
    ]);
    expect(collected.mores).toEqual([{ action: 'update', type: 'items', count: 1 }]);
  });

  it('are recorded in their own context, also one that waited for the connection', async () => {
    const storage = new AsyncLocalStorage<string>();
    const seen: (string | undefined)[] = [];
    collected.onRecord = () => seen.push(storage.getStore());
    const late = mongoose.createConnection();
    const Item = itemModel(late);
    const waiting = storage.run('early', () => Item.create({ n: 1 }));
    await storage.run('connecting', () => late.openUri(freshUri()));
    await waiting;
    await storage.run('job', async () => void (await Item.updateOne({}, { n: 2 })));
    await late.dropDatabase();
    await late.close();
    expect(seen).toEqual(['early', 'job']);
  });

  it('keep their filters, options and results', async () => {
    const Item = itemModel();
    const filter = Object.freeze({ n: 1 });
    const options = Object.freeze({ upsert: true });
    const { collection } = Item;
    const update = Object.freeze({ $set: Object.freeze({ n: 2 }) });
    expect(await collection.updateOne(filter, update as never, options)).toMatchObject({ upsertedCount: 1 });
    const document = { n: 7 };
    expect(await collection.insertOne(document as never)).toEqual({
      acknowledged: true,
      insertedId: (document as { _id?: unknown })._id,
    });
    expect(await collection.findOneAndDelete({ n: 7 })).toEqual(document);
    expect(await collection.findOneAndDelete({ n: 7 })).toBeNull();
    expect(Object.keys(filter)).toEqual(['n']);
  });

  it.each([
    [{ typo: 1 }, "Option 'typo' of changes() is unknown"],
    [{ type: '' }, "Option 'type' of changes() is wrong"],
    [{ omit: 'name' }, "Option 'omit' of changes() is wrong"],
    [{ maxDocuments: 0 }, "Option 'maxDocuments' of changes() is wrong"],
    [{ maxBytes: 1.5 }, "Option 'maxBytes' of changes() is wrong"],
    [{ maxBytes: 4_000_000 }, 'up to 2097152, in bytes'],
  ])('are not recorded with wrong options: %j', (options, message) => {
    expect(() => collected.plugin(options as never)).toThrow(message);
  });
});
