/** What the changes plugin costs a write and a read: the same model with and without it, round by round. */
import mongoose, { Schema } from 'mongoose';
import { mongoFor } from '../examples/mongod';
import { createChangesPlugin } from '../lib/changes/plugin';
import { median, printTable, spread } from './figures';

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 15);
const SAVES = 400;
const FINDS = 10;
const DOCUMENTS = 1_000;

interface Cost {
  readonly wallMs: number;
  readonly cpuMs: number;
}

const schemaOf = (): Schema =>
  new Schema({
    name: String,
    description: String,
    price: Number,
    stock: Number,
    tags: [String],
    createdBy: { id: String, name: String },
    parts: [{ sku: String, count: Number }],
    at: Date,
  });

const itemOf = (n: number) => ({
  name: `item ${n}`,
  description: 'of no particular length, as descriptions are',
  price: n,
  stock: 7,
  tags: ['one', 'two', 'three'],
  createdBy: { id: String(n), name: 'somebody' },
  parts: [
    { sku: 'a', count: 1 },
    { sku: 'b', count: 2 },
  ],
  at: new Date(),
});

async function costOf(work: () => Promise<unknown>): Promise<Cost> {
  const cpu = process.cpuUsage();
  const from = performance.now();
  await work();
  const { user, system } = process.cpuUsage(cpu);
  return { wallMs: performance.now() - from, cpuMs: (user + system) / 1_000 };
}

async function main(): Promise<void> {
  const mongo = await mongoFor();
  const uri = new URL(mongo.uri);
  uri.pathname = `/bench_changes_${process.pid}`;
  const connection = await mongoose.createConnection(uri.toString()).asPromise();
  let recorded = 0;
  const count = (): void => {
    recorded += 1;
  };
  const reporter = { error: console.error, once: console.error, dropped: () => {} };
  const changes = createChangesPlugin({ record: count, recordMore: count }, reporter);
  const watched = schemaOf();
  watched.plugin(changes());
  const models = [connection.model('Plain', schemaOf()), connection.model('Watched', watched)];
  for (const model of models) await model.insertMany(Array.from({ length: DOCUMENTS }, (_, n) => itemOf(n)));

  type Model = (typeof models)[number];
  const works: Readonly<Record<string, (model: Model) => Promise<() => Promise<unknown>>>> = {
    [`save of ${SAVES} loaded documents, each`]: async (model) => {
      const documents = await model.find().limit(SAVES);
      return async () => {
        for (const document of documents) {
          document.set('price', Math.random());
          await document.save();
        }
      };
    },
    [`find of ${DOCUMENTS}, ${FINDS} times`]: async (model) => async () => {
      for (let i = 0; i < FINDS; i++) await model.find();
    },
    [`updateMany of ${DOCUMENTS}`]: async (model) => () => model.updateMany({}, { $inc: { stock: 1 } }),
  };
  const rows: string[][] = [];
  for (const [name, prepare] of Object.entries(works)) {
    const costs: Cost[][] = [[], []];
    for (let round = -2; round < ROUNDS; round++)
      for (const [i, model] of models.entries()) {
        const work = await prepare(model);
        const cost = await costOf(work);
        if (round >= 0) costs[i]?.push(cost);
      }
    const [plain = [], own = []] = costs;
    for (const unit of ['cpuMs', 'wallMs'] as const) {
      const [without, within] = [plain, own].map((list) => list.map((cost) => cost[unit]));
      const share = median(within ?? []) / median(without ?? []);
      rows.push([name, unit, spread(without ?? [], 1), spread(within ?? [], 1), share.toFixed(2)]);
    }
  }
  printTable(
    'The changes plugin, milliseconds: median (lowest..highest)',
    ['work', 'of', 'without', 'with', 'x'],
    rows,
  );
  console.log(`\n  ${recorded} changes were recorded; delivery is not in these figures.`);
  await connection.dropDatabase();
  await connection.close();
  await mongo.stop();
}

void main();
