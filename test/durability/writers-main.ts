// A cluster of writers at level spool, run by writers.ts: each says on stdout what it was promised is kept.
import cluster from 'node:cluster';
import { writeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { createAudit } from '../../lib/index';

const { MONGODB_URI = '', SPOOL = '', WRITERS = '', WRITER = '' } = process.env;
const EVENTS = 2;
const PAUSE_MS = 10;

function lead(): void {
  let isOver = false;
  const start = (writer: string): void => {
    const worker = cluster.fork({ WRITER: writer });
    worker.once('message', () => process.send?.({ writer, pid: worker.process.pid }));
    worker.once('exit', () => {
      if (!isOver) start(writer);
    });
  };
  for (let i = 0; i < Number(WRITERS); i++) start(`w${i}`);
  process.on('message', () => {
    isOver = true;
    for (const worker of Object.values(cluster.workers ?? {})) worker?.send('stop');
    process.disconnect();
  });
}

async function write(): Promise<void> {
  const name = `${WRITER}-${process.pid}`;
  const audit = createAudit({
    mongo: `${MONGODB_URI}?appName=${name}`,
    durability: 'spool',
    spool: { directory: SPOOL, minFreeBytes: 0 },
    flushIntervalMs: 5,
  });
  let isOver = false;
  process.once('message', () => {
    isOver = true;
  });
  await audit.ready();
  process.send?.('ready');
  while (!isOver) {
    for (let i = 0; i < EVENTS; i++) writeSync(1, `${audit.record({ name })}\n`);
    await delay(PAUSE_MS);
  }
  const { pending } = await audit.close();
  process.exit(pending === 0 ? 0 : 1);
}

if (cluster.isPrimary) lead();
else void write();
