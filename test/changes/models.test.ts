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
});
