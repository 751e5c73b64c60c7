import { createAudit } from 'express-audit-events';
import mongoose from 'mongoose';
import { median, printTable, spread } from './figures';
import { PAYLOADS } from './payloads';

const ROUNDS = 7;
const EVENTS = 5_000;
/** As many as the audit itself sends at once. */
const BATCH = 500;
const OPTIONS = { ordered: false, writeConcern: { w: 'majority' } } as const;

/** Events a second through the queue, beside the driver's own insertMany of the very same documents. */
export async function measureThroughput(uri: string): Promise<void> {
  const connection = await mongoose.createConnection(uri).asPromise();
  const audit = createAudit({ mongo: uri });
  try {
    await audit.ready();
    const stored = connection.collection('auditevents');
    const copies = connection.collection('copies');
    const indexes = (await stored.indexes()).filter(({ name }) => name !== '_id_');
    await copies.createIndexes(indexes as mongoose.mongo.IndexDescription[]);

    const queued: number[] = [];
    const inserted: number[] = [];
    for (let round = 0; round <= ROUNDS; round++) {
      for (let i = 0; i < EVENTS; i++) audit.record({ name: 'Bench', content: PAYLOADS['JSON of 1 KB']() });
      const rate = await perSecond(async () => void (await audit.flush()));
      const documents = await stored.find().sort({ id: -1 }).limit(EVENTS).toArray();
      const baseline = await perSecond(async () => {
        for (let i = 0; i < EVENTS; i += BATCH)
          await copies.insertMany(documents.slice(i, i + BATCH), OPTIONS);
      });
      // the first is to warm up
      if (round > 0) queued.push(rate);
      if (round > 0) inserted.push(baseline);
    }
    const ratio = median(queued.map((rate, i) => rate / (inserted[i] ?? 0)));
    printTable(
      `Events a second, ${EVENTS} at once in batches of ${BATCH}`,
      ['', 'events/s', 'over insertMany'],
      [
        ['insertMany', spread(inserted), ''],
        ['through the queue', spread(queued), ratio.toFixed(2)],
      ],
    );
  } finally {
    await audit.close();
    await connection.close();
  }
}

async function perSecond(task: () => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  await task();
  return (EVENTS * 1_000) / (performance.now() - startedAt);
}
