import { type ItemModel, itemModel, itemSchema, seeds } from './items';
import {
  type ClientSession,
  Collected,
  type Connection,
  changesBetween,
  MONGOOSES,
  observed,
  type ReplicaSet,
  rawDocuments,
  startReplicaSet,
} from './replica-set';
import { PATHS } from './write-paths';

let replicaSet: ReplicaSet;
beforeAll(async () => {
  replicaSet = await startReplicaSet();
}, 60_000);
afterAll(() => replicaSet.stop());

const READS = ['find', 'getMore', 'aggregate', 'count', 'distinct'];
const ROLL_BACK = new Error('roll back');

describe.each(MONGOOSES)('%s', (_, mongoose) => {
  const collected = new Collected();
  let connection: Connection;
  let Item: ItemModel;
  let plain: ItemModel;
  let ids: string[];
  let reads = 0;
  /** In which sessions was read. */
  const readIn = new Set<string>();

  beforeAll(async () => {
    connection = await replicaSet.connect(mongoose);
    const schema = itemSchema(mongoose);
    schema.plugin(collected.plugin());
    Item = connection.model('Item', schema) as ItemModel;
    plain = itemModel(await replicaSet.connect(mongoose), mongoose);
    await Promise.all([Item.init(), plain.init()]);
    for (const { db } of [Item, plain])
      db.getClient().on('commandStarted', ({ commandName, command }) => {
        if (!READS.includes(commandName)) return;
        reads += 1;
        readIn.add(String(command.lsid?.id));
      });
  });

  async function seed(model: ItemModel): Promise<void> {
    const raw = model.db.db?.collection('items');
    await raw?.deleteMany({});
    const documents = seeds(mongoose);
    ids = documents.map(({ _id }) => String(_id));
    await raw?.insertMany(documents);
  }

  /** What really happened to the collection, in full. */
  async function happened(run: () => Promise<unknown>) {
    const before = await rawDocuments(connection, 'items');
    collected.clear();
    await run();
    return changesBetween(before, await rawDocuments(connection, 'items'));
  }

  async function inSession(run: (session: ClientSession) => Promise<unknown>): Promise<void> {
    const session = await connection.startSession();
    try {
      await run(session);
    } finally {
      await session.endSession();
    }
  }

  describe.each(PATHS)('$name', ({ run, reads: extraReads, exact }) => {
    beforeEach(() => seed(Item));

    it('is recorded as it happened', async () => {
      const expected = await happened(() => run(Item, ids, {}));
      expect(observed(collected)).toEqual(expected);
      expect(collected.changes.map((change) => change.exact)).toEqual(expected.map(() => exact));
      expect([collected.mores, collected.errors]).toEqual([[], []]);
      for (const change of collected.changes)
        expect(change).toMatchObject({
          object: { type: 'items' },
          partial: false,
          masked: [],
          maxBytes: 262_144,
        });
    });

    it(`reads ${extraReads} times more than without`, async () => {
      reads = 0;
      await run(Item, ids, {});
      const own = reads;
      await seed(plain);
      reads = 0;
      await run(plain, ids, {});
      expect(own - reads).toBe(extraReads);
    });

    it('is recorded as it happened in a session, which alone it reads in', async () => {
      const sessions: string[] = [];
      const expected = await happened(() =>
        inSession(async (session) => {
          readIn.clear();
          await run(Item, ids, { session });
          if (readIn.size > 0) sessions.push(String(session.id?.id));
          expect([...readIn]).toEqual(sessions);
        }),
      );
      expect(observed(collected)).toEqual(expected);
    });

    it('is recorded when its transaction is committed, and exact', async () => {
      const expected = await happened(() =>
        inSession(async (session) => {
          session.startTransaction();
          await run(Item, ids, { session });
          expect(collected.changes).toEqual([]);
          await session.commitTransaction();
        }),
      );
      expect(observed(collected)).toEqual(expected);
      expect(collected.changes.filter((change) => !change.exact)).toEqual([]);
    });

    it('is not recorded when its transaction is aborted', async () => {
      const expected = await happened(() =>
        inSession(async (session) => {
          const work = session.withTransaction(async () => {
            await run(Item, ids, { session });
            throw ROLL_BACK;
          });
          await expect(work).rejects.toBe(ROLL_BACK);
        }),
      );
      expect(expected).toEqual([]);
      expect([collected.changes, collected.mores, collected.errors]).toEqual([[], [], []]);
    });

    it('is recorded once when its transaction is tried again', async () => {
      let attempts = 0;
      const expected = await happened(() =>
        inSession((session) =>
          session.withTransaction(async () => {
            attempts += 1;
            await run(Item, ids, { session });
            if (attempts > 1) return;
            const error = new mongoose.mongo.MongoServerError({ message: 'again' });
            error.addErrorLabel('TransientTransactionError');
            throw error;
          }),
        ),
      );
      expect(attempts).toBe(2);
      expect(observed(collected)).toEqual(expected);
    });
  });
});
