import { randomUUID } from 'node:crypto';
import mongoose, { type Connection } from 'mongoose';
import { judge, type Verdict } from './oracle';
import { Stage } from './stage';
import { until } from './until';

const REQUESTS = 150;

let stage: Stage;
let connection: Connection;

/** A trail that is whole: whatever is wrong with it later, a test did. */
beforeAll(async () => {
  stage = await Stage.create({ level: 'memory', scale: 1, mix: { documents: 0.2 } });
  stage.useSharedDatabase();
  const app = await stage.startApp();
  const load = stage.load({ connections: 4 });
  await stage.answers(load, REQUESTS);
  await load.stop();
  await until('everything is stored', async () => (await app.state()).stats.pending === 0);
  connection = await mongoose.createConnection(stage.look.uri).asPromise();
});
afterAll(async () => {
  await connection.close();
  await stage.dispose();
});

async function verdict(): Promise<Verdict> {
  const { level, ledger } = stage;
  return judge({ level, ledger, handled: stage.handled(), stored: await stage.look.read() });
}

const events = () => connection.getClient().db().collection('auditevents');

/** Judges a trail that was tampered with, and puts things right again. */
async function judgeAfter(tamper: () => Promise<unknown>): Promise<Verdict> {
  const before = await events().find({}).toArray();
  await tamper();
  try {
    return await verdict();
  } finally {
    await events().deleteMany({});
    await events().insertMany(before);
  }
}

const anyRequest = { kind: 'request', method: 'POST' };

describe('the oracle', () => {
  it('finds nothing wrong with a whole trail', async () => {
    const { acknowledged, stored, duplicated, lost, wrong } = await verdict();
    expect(acknowledged).toBeGreaterThanOrEqual(REQUESTS);
    expect({ stored, duplicated, lost, wrong }).toEqual({
      stored: acknowledged,
      duplicated: 0,
      lost: 0,
      wrong: [],
    });
  });

  it('finds an event that is gone, and the place that it left', async () => {
    const { lost, wrong } = await judgeAfter(() => events().deleteOne(anyRequest));
    expect(lost).toBe(1);
    expect(wrong).toEqual([expect.stringMatching(/^sequences of writer .* missing: \d+$/)]);
  });

  it('finds the change of a document that is gone', async () => {
    const { lost } = await judgeAfter(() => events().deleteOne({ kind: 'change' }));
    expect(lost).toBe(1);
  });

  it.each(['request', 'change'])('finds a %s that is stored twice', async (kind) => {
    const { duplicated, lost, wrong } = await judgeAfter(async () => {
      const event = await events().findOne({ kind });
      const _id = new mongoose.mongo.UUID(randomUUID());
      await events().insertOne({ ...event, _id: _id as never, id: 1_000_000 });
    });
    expect({ duplicated, lost }).toEqual({ duplicated: 1, lost: 0 });
    expect(wrong).toEqual([expect.stringMatching(/^sequences of writer .* twice: \d+$/)]);
  });

  it.each([
    ['body', { 'postData.note': 'another' }],
    ['url', { url: 'http://127.0.0.1/another' }],
    ['method', { method: 'PUT' }],
    ['status', { statusCode: 299 }],
  ])('finds a %s that differs', async (field, $set) => {
    const { wrong } = await judgeAfter(() => events().updateOne(anyRequest, { $set }));
    expect(wrong).toEqual([expect.stringMatching(new RegExp(`^differ from their request: \\S+ ${field}$`))]);
  });

  it('finds an event of a request that nobody sent', async () => {
    const $set = { requestId: 'nobody' };
    const { lost, wrong } = await judgeAfter(() => events().updateOne(anyRequest, { $set }));
    expect(lost).toBe(1);
    expect(wrong).toContain('strangers: nobody');
  });

  it('finds an intent that nothing followed', async () => {
    const $set = { status: 'intent' };
    const { wrong } = await judgeAfter(() => events().updateOne(anyRequest, { $set }));
    expect(wrong).toEqual([expect.stringMatching(/^intents without an outcome: /)]);
  });
});
