import { Collected, type Connection, MONGOOSES, type ReplicaSet, startReplicaSet } from './replica-set';

let replicaSet: ReplicaSet;
beforeAll(async () => {
  replicaSet = await startReplicaSet();
}, 60_000);
afterAll(() => replicaSet.stop());

const WRITERS = 4;
const ROUNDS = 25;

describe.each(MONGOOSES)('with %s, while others write the same document', (_, mongoose) => {
  const collected = new Collected();
  let connection: Connection;
  let Counter: ReturnType<typeof counterModel>;

  function counterModel() {
    const schema = new mongoose.Schema({ key: String, n: { type: Number, default: 0 }, log: [Number] });
    schema.plugin(collected.plugin());
    return connection.model('Counter', schema);
  }

  beforeAll(async () => {
    connection = await replicaSet.connect(mongoose);
    Counter = counterModel();
    await Counter.init();
  });

  beforeEach(() => Counter.create({ key: 'one' }));
  afterEach(async () => {
    await connection.db?.collection('counters').deleteMany({});
    collected.clear();
  });

  type Options = { session?: Awaited<ReturnType<Connection['startSession']>> };
  const WRITES: readonly (readonly [string, (options: Options) => Promise<unknown>])[] = [
    ['updateOne', (options) => Counter.updateOne({ key: 'one' }, { $inc: { n: 1 } }, options)],
    ['updateMany', (options) => Counter.updateMany({}, { $inc: { n: 1 } }, options)],
    ['findOneAndUpdate', (options) => Counter.findOneAndUpdate({}, { $inc: { n: 1 } }, options)],
    [
      'findOneAndUpdate, new',
      (options) => Counter.findOneAndUpdate({}, { $inc: { n: 1 } }, { ...options, returnDocument: 'after' }),
    ],
    [
      'bulkWrite',
      (options) =>
        Counter.bulkWrite(
          [{ updateOne: { filter: { key: 'one' }, update: { $inc: { n: 1 } } } }],
          options as object,
        ),
    ],
    [
      'save',
      async (options) => {
        const counter = await Counter.findOne({}, null, options);
        counter?.$inc('n', 1);
        await counter?.save(options);
      },
    ],
    [
      'save of a document loaded outside',
      async (options) => {
        const counter = await Counter.findOne({});
        counter?.$inc('n', 1);
        counter?.log.push(7);
        await counter?.save(options);
      },
    ],
  ];

  const n = (state: unknown): number => (state as { n: number }).n;

  async function writeAll(inTransactions: boolean): Promise<void> {
    const work = async (writer: number): Promise<void> => {
      const session = await connection.startSession();
      for (let round = 0; round < ROUNDS; round++) {
        const [, write] = WRITES[(writer + round) % WRITES.length] ?? [];
        if (inTransactions && writer % 2 === 0)
          await session.withTransaction(async () => void (await write?.({ session })));
        else await write?.({});
      }
      await session.endSession();
    };
    await Promise.all(Array.from({ length: WRITERS }, (_unused, writer) => work(writer)));
  }

  it('no pair that is marked exact is wrong', async () => {
    await writeAll(true);
    const stored = await Counter.findOne().lean();
    expect(n(stored)).toBe(WRITERS * ROUNDS);
    const updates = collected.changes.filter(({ action }) => action === 'update');
    const exact = updates.filter((change) => change.exact);
    expect(exact).toHaveLength((WRITERS * ROUNDS) / 2);
    for (const { before, after } of exact) expect(n(after)).toBe(n(before) + 1);
    expect(new Set(exact.map(({ after }) => n(after))).size).toBe(exact.length);
  });

  it('every write is recorded or counted, and none outside of a transaction is called exact', async () => {
    await writeAll(false);
    const updates = collected.changes.filter(({ action }) => action === 'update');
    const counted = collected.mores.reduce((sum, { count }) => sum + count, 0);
    expect(updates.length + counted).toBe(WRITERS * ROUNDS);
    expect(updates.filter((change) => change.exact)).toEqual([]);
  });

  it('the document that findOneAndDelete took is the last state there was', async () => {
    const writers = Array.from({ length: 8 }, () => Counter.updateOne({}, { $inc: { n: 1 } }));
    const [results] = await Promise.all([Promise.all(writers), Counter.findOneAndDelete({ key: 'one' })]);
    const modified = results.reduce((sum, { modifiedCount }) => sum + modifiedCount, 0);
    const taken = collected.changes.find(({ action }) => action === 'delete');
    expect(taken).toMatchObject({ exact: true, before: { n: modified }, after: null });
  });
});
