import { setTimeout as delay } from 'node:timers/promises';
import mongoose from 'mongoose';
import { startChild } from './child';
import { printTable, spread } from './figures';

const REQUESTS = 300;
const EVERY_MS = 15;
const POLL_MS = 5;
const LONGEST_MS = 10_000;

/** Milliseconds from the end of each response until its event can be read. */
export async function measureVisibility(uri: string, directory: string): Promise<void> {
  const child = startChild('server', ['express-audit-events, unsettled', uri, directory]);
  const connection = await mongoose.createConnection(uri).asPromise();
  const events = connection.collection<{ _id: mongoose.mongo.UUID }>('auditevents');

  const timeToRead = async (port: number): Promise<number> => {
    const response = await fetch(`http://127.0.0.1:${port}/orders/42`);
    await response.arrayBuffer();
    const endedAt = performance.now();
    const _id = new mongoose.mongo.UUID(response.headers.get('x-audit-id') ?? '');
    while ((await events.findOne({ _id }, { projection: { _id: 1 } })) === null) {
      if (performance.now() - endedAt > LONGEST_MS) throw new Error(`${_id} cannot be read after 10 s`);
      await delay(POLL_MS);
    }
    return performance.now() - endedAt;
  };
  try {
    const port = await child.ask<number>('port');
    const times: Promise<number>[] = [];
    for (let i = 0; i < REQUESTS; i++) {
      times.push(timeToRead(port));
      await delay(EVERY_MS);
    }
    const read = spread(await Promise.all(times));
    printTable(
      'An event is readable within 1 s of its response',
      ['', 'ms'],
      [[`${REQUESTS} requests`, read]],
    );
  } finally {
    await child.stop();
    await connection.close();
  }
}
