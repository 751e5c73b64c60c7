import { AsyncLocalStorage } from 'node:async_hooks';
import { freshUri } from '../support/app';
import { Collected, type Connection, MONGOOSES } from './replica-set';

const MEBIBYTE = 1024 * 1024;

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

  function itemModel(on = connection, options = {}) {
    const schema = new Schema({ name: String, n: Number, mixed: Schema.Types.Mixed });
    schema.plugin(collected.plugin(options));
    return on.model('Item', schema);
  }

  const n = (state: unknown): number => (state as { n: number }).n;

  /** While no read of a state succeeds: what they take their collection from throws; mongoose took its own long ago. */
  async function blindly<T>(run: () => Promise<T> | undefined): Promise<T | undefined> {
    const native = connection.db?.constructor.prototype as { collection: (...args: unknown[]) => unknown };
    const { collection } = native;
    native.collection = () => {
      throw new Error('unreadable');
    };
    try {
      return await run();
    } finally {
      native.collection = collection;
    }
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
    const result = await blindly(() => Item.updateOne({ n: 2 }, { n: 4 }));
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

  it('are recorded in their own context, also like one that waited for the connection in vain', async () => {
    const storage = new AsyncLocalStorage<string>();
    const seen: (string | undefined)[] = [];
    collected.onRecord = () => seen.push(storage.getStore());
    const late = mongoose.createConnection();
    const schema = new Schema({ n: Number }, { bufferTimeoutMS: 1 });
    schema.plugin(collected.plugin());
    const Item = late.model('Item', schema);
    const { collection } = Item;
    const filter = {};
    const call = () => collection.deleteMany(filter);
    await expect(storage.run('in vain', call)).rejects.toThrow('buffering timed out');
    await late.openUri(freshUri());
    await Item.create({ n: 1 });
    await storage.run('again', call);
    await late.dropDatabase();
    await late.close();
    expect(seen).toEqual([undefined, 'again']);
  });

  it('are counted where a save could not be looked at, and read again at the next', async () => {
    const Item = itemModel();
    const [item] = await Item.insertMany([{ n: 1 }]);
    collected.clear();
    await blindly(() => item?.set('n', 2).save());
    await item?.set('n', 3).save();
    expect(collected.mores).toEqual([{ action: 'update', type: 'items', count: 1 }]);
    expect(collected.changes).toMatchObject([{ before: { n: 2 }, after: { n: 3 } }]);
  });

  it('of more memory than they may take are counted', async () => {
    const Item = itemModel();
    const text = 'x'.repeat(2 * MEBIBYTE);
    await connection.db
      ?.collection('items')
      .insertMany(Array.from({ length: 20 }, () => ({ name: text, n: 1 })));
    const outcome = () => [collected.changes.length, collected.mores.map(({ count }) => count)];
    await Item.updateMany({}, { n: 2 });
    expect(outcome()).toEqual([15, [5]]);
    collected.clear();
    await Item.bulkWrite([{ updateMany: { filter: {}, update: { n: 3 } } }]);
    expect(outcome()).toEqual([15, [5]]);
    collected.clear();
    await Item.deleteMany({});
    expect(outcome()).toEqual([15, [5]]);
    expect(collected.errors).toEqual([]);
  });

  it('that make documents take more memory than they may are counted, and no delete', async () => {
    const Item = itemModel();
    await Item.insertMany(Array.from({ length: 10 }, () => ({ n: 1 })));
    const outcome = () => [collected.changes.length, collected.mores];
    const counted = [{ action: 'update', type: 'items', count: 3 }];
    for (const write of ['updateMany', 'bulkWrite'] as const) {
      collected.clear();
      const update = { $set: { name: write.repeat((4 * MEBIBYTE) / write.length) } };
      if (write === 'updateMany') await Item.updateMany({}, update);
      else
        await Item.collection.bulkWrite([{ updateMany: { filter: { n: 1 }, update } }]).then(() => undefined);
      expect(outcome()).toEqual([7, counted]);
      await connection.db?.collection('items').updateMany({}, { $unset: { name: 1 } });
    }
  });

  it('that change nothing are not recorded, also where there are more than may be', async () => {
    const Item = itemModel(connection, { maxDocuments: 3 });
    await Item.insertMany([1, 1, 0, 0, 0, 0].map((n) => ({ n })));
    collected.clear();
    await Item.updateMany({}, { n: 1 });
    const changes = collected.changes.filter(({ before, after }) => n(before) !== n(after));
    expect(collected.changes).toEqual(changes);
    expect(collected.mores).toEqual([{ action: 'update', type: 'items', count: 4 - changes.length }]);
  });

  it.each([
    [
      'a UUID',
      new mongoose.mongo.UUID('0190a5f8-1111-7222-8333-444455556666').toBinary(),
      '0190a5f8-1111-7222-8333-444455556666',
    ],
    ['bytes', new mongoose.mongo.Binary(Buffer.from([0, 255])), 'AP8='],
    ['a buffer', Buffer.from([0, 255]), 'AP8='],
    ['bytes that claim to be a UUID', new mongoose.mongo.Binary(Buffer.from([1]), 4), 'AQ=='],
    ['a date', new Date(0), '1970-01-01T00:00:00.000Z'],
    ['a number', 7, '7'],
    ['a long', mongoose.mongo.Long.fromNumber(7), '7'],
    ['a decimal', mongoose.mongo.Decimal128.fromString('1.5'), '1.5'],
    ['an object', { a: 1 }, '{"a":1}'],
  ])('name one object by one text, also by %s', async (_case, _id, text) => {
    const { collection } = itemModel();
    await collection.insertOne({ _id, n: 1 } as never);
    await collection.updateOne({ _id } as never, { $set: { n: 2 } } as never);
    await collection.deleteOne({ _id } as never);
    expect(collected.changes.map(({ action, object }) => [action, object.id])).toEqual([
      ['create', text],
      ['update', text],
      ['delete', text],
    ]);
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
    [{ maxBytes: 2 * MEBIBYTE + 1 }, 'a positive integer up to 2097152, in bytes'],
  ])('are not recorded with wrong options: %j', (options, message) => {
    expect(() => collected.plugin(options as never)).toThrow(message);
  });
});
