import { AsyncLocalStorage } from 'node:async_hooks';
import { freshUri } from '../support/app';
import { Collected, type Connection, MONGOOSES } from './replica-set';

describe.each(MONGOOSES)('models of %s', (_, mongoose) => {
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

  function itemModel(options = {}, on = connection) {
    const schema = new Schema({ name: String, n: Number, mixed: Schema.Types.Mixed });
    schema.plugin(collected.plugin(options));
    return on.model('Item', schema);
  }

  const objects = () => collected.changes.map(({ action, object }) => `${action} ${object.type}`);

  it('are recorded under the name and with the limits that the plugin was given', async () => {
    const Item = itemModel({ type: 'things', omit: ['name'], maxBytes: 1_000 });
    await Item.create({ name: 'x' });
    expect(collected.changes).toMatchObject([
      { object: { type: 'things' }, masked: ['name'], maxBytes: 1_000, after: { name: 'x' } },
    ]);
  });

  it('mask fields that are not selected, also those of sub-documents', async () => {
    const schema = new Schema({
      password: { type: String, select: false },
      inner: { secret: { type: String, select: false } },
      list: [new Schema({ pin: { type: String, select: false } })],
    });
    schema.plugin(collected.plugin());
    const User = connection.model('User', schema);
    const user = await User.create({ password: 'p', list: [{ pin: '1' }] });
    expect(collected.changes[0]?.masked).toEqual(['password', 'inner.secret', 'list.pin']);
    const loaded = await User.findById(user._id);
    loaded?.set('password', 'q');
    await loaded?.save();
    expect(collected.changes[1]).toMatchObject({ partial: true, after: { password: 'q' } });
  });

  it('count what goes beyond maxDocuments', async () => {
    const Item = itemModel({ maxDocuments: 3 });
    await Item.insertMany(Array.from({ length: 5 }, (_unused, n) => ({ n })));
    await Item.updateMany({}, { name: 'all' });
    await Item.bulkWrite([{ updateMany: { filter: {}, update: { name: 'bulk' } } }]);
    await Item.deleteMany({});
    expect(objects()).toEqual(
      ['create', 'update', 'update', 'delete'].flatMap((one) => Array(3).fill(`${one} items`)),
    );
    expect(collected.mores.map(({ action, count }) => [action, count])).toEqual([
      ['create', 2],
      ['update', 2],
      ['update', 2],
      ['delete', 2],
    ]);
  });

  it('tell discriminators apart, of which each may have options of its own', async () => {
    const base = new Schema({ name: String });
    base.plugin(collected.plugin());
    const Vehicle = connection.model('Vehicle', base);
    const Car = Vehicle.discriminator('Car', new Schema({ vin: { type: String, select: false } }));
    const own = new Schema({ wheels: Number });
    own.plugin(collected.plugin({ type: 'bicycles' }));
    const Bicycle = Vehicle.discriminator('Bicycle', own);
    await Vehicle.create({ name: 'v' });
    await Car.create({ vin: '1' });
    const bicycle = await Bicycle.create({ wheels: 2 });
    bicycle.wheels = 3;
    await bicycle.save();
    const found = await Vehicle.findOne({ __t: 'Car' });
    found?.set('name', 'c');
    await found?.save();
    expect(objects()).toEqual([
      'create vehicles',
      'create vehicles',
      'create bicycles',
      'update bicycles',
      'update vehicles',
    ]);
    expect(collected.changes.map(({ masked }) => masked)).toEqual([[], ['vin'], [], [], ['vin']]);
    expect(collected.changes[4]?.before).not.toHaveProperty('name');
  });

  it('record a discriminator alone, if it alone has the plugin', async () => {
    const Vehicle = connection.model('Vehicle', new Schema({ name: String }));
    const own = new Schema({ wheels: Number });
    own.plugin(collected.plugin());
    const Bicycle = Vehicle.discriminator('Bicycle', own);
    await Vehicle.create({ name: 'v' });
    await Bicycle.create({ name: 'b', wheels: 2 });
    await Vehicle.updateMany({}, { name: 'all' });
    expect(collected.changes).toMatchObject([
      { action: 'create', after: { wheels: 2 } },
      { action: 'update', after: { wheels: 2, name: 'all' } },
    ]);
  });

  it('are recorded on the connection that they use now, and under the collection of a subclass', async () => {
    const Item = itemModel();
    const Other = connection.model('Item', undefined as never, 'others') as typeof Item;
    await Other.create({ n: 1 });
    const second = await mongoose.createConnection(freshUri()).asPromise();
    Item.useConnection(second);
    await Item.collection.insertOne({ n: 2 } as never);
    await Item.create({ n: 3 });
    await second.dropDatabase();
    await second.close();
    expect(objects()).toEqual(['create others', 'create items', 'create items']);
  });

  it('are recorded by each of two audits, and once by each', async () => {
    const second = new Collected();
    const schema = new Schema({ n: Number });
    schema.plugin(collected.plugin());
    schema.plugin(second.plugin());
    const Item = connection.model('Item', schema);
    await Item.init();
    const item = await Item.create({ n: 1 });
    item.n = 2;
    await item.save();
    await Item.updateMany({}, { n: 3 });
    for (const { changes } of [collected, second])
      expect(changes.map(({ action }) => action)).toEqual(['create', 'update', 'update']);
  });

  it('warn when they were compiled before the plugin was added', async () => {
    const schema = new Schema({ n: Number });
    const Late = connection.model('Late', schema);
    schema.plugin(collected.plugin());
    await Late.create({ n: 1 });
    expect(collected.errors).toMatchObject([
      { code: 'AUDIT_PLUGIN_LATE', message: expect.stringContaining("model 'Late'") },
    ]);
    expect(collected.changes).toEqual([]);
  });

  it('record ids where documents were populated', async () => {
    const schema = new Schema({ n: Number, owner: { type: Schema.Types.ObjectId, ref: 'Node' } });
    schema.plugin(collected.plugin());
    const Node = connection.model('Node', schema);
    const owner = await Node.create({ n: 1 });
    const { _id } = await Node.create({ n: 2, owner: owner._id });
    for (const lean of [false, true]) {
      const found = await Node.findById(_id).populate({ path: 'owner', options: { lean } });
      found?.set('n', lean ? 4 : 3);
      await found?.save();
    }
    const states = collected.changes.slice(1).flatMap(({ before, after }) => [before, after]);
    for (const state of states.filter(Boolean)) expect(state).toMatchObject({ owner: owner._id });
  });

  it('say that a state is partial which was loaded with a projection', async () => {
    const Item = itemModel();
    await Item.create({ name: 'x', n: 1 });
    const item = await Item.findOne({}, 'n');
    item?.set('n', 2);
    await item?.save();
    expect(collected.changes[1]).toMatchObject({ partial: true, before: { n: 1 }, after: { n: 2 } });
    expect(collected.changes[1]?.before).not.toHaveProperty('name');
  });

  it('record what an insertMany and a bulkWrite had written when they failed', async () => {
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

  it('write as ever when the reads fail or the recorder throws, which is reported', async () => {
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

  it('record in the context of the write, also one that waited for the connection', async () => {
    const storage = new AsyncLocalStorage<string>();
    const seen: (string | undefined)[] = [];
    collected.onRecord = () => seen.push(storage.getStore());
    const late = mongoose.createConnection();
    const Item = itemModel({}, late);
    const waiting = storage.run('early', () => Item.create({ n: 1 }));
    await storage.run('connecting', () => late.openUri(freshUri()));
    await waiting;
    await storage.run('job', async () => void (await Item.updateOne({}, { n: 2 })));
    await late.dropDatabase();
    await late.close();
    expect(seen).toEqual(['early', 'job']);
  });

  it('change neither filters, options nor results', async () => {
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
  ])('refuse the options %j', (options, message) => {
    expect(() => collected.plugin(options as never)).toThrow(message);
  });
});
