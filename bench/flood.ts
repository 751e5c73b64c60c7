import { type Audit, createAudit } from 'express-audit-events';
import { answerParent } from './child';
import { PAYLOADS, type PayloadName } from './payloads';

/** How far beyond the bound: so many events are dropped for each one that is kept. */
const DROPPED_FOR_EACH = 2;
const EVENTS_A_TURN = 50;

export interface Flooded {
  readonly kept: number;
  readonly dropped: number;
  /** What the queue says that it holds. */
  readonly queueBytes: number;
  /** What the process holds more than before. */
  readonly grownBytes: number;
}

function heldBytes(): number {
  if (global.gc === undefined) throw new Error('needs --expose-gc');
  global.gc();
  global.gc();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

const nextTurn = () => new Promise(setImmediate);

async function overflow(audit: Audit, name: PayloadName): Promise<void> {
  let stats = audit.stats();
  while (stats.dropped < DROPPED_FOR_EACH * stats.pending || stats.dropped === 0) {
    for (let i = 0; i < EVENTS_A_TURN; i++) audit.record({ name: 'Flooded', content: PAYLOADS[name]() });
    await nextTurn();
    stats = audit.stats();
  }
}

/** Events of one kind, far more than the queue may hold, while there is no MongoDB. */
async function flood(name: PayloadName): Promise<Flooded> {
  const quiet = { onError: () => {}, onDrop: () => {} };
  // the code is warm, and its own memory taken, before anything is measured
  const rehearsal = createAudit({
    mongo: 'mongodb://127.0.0.1:1/',
    limits: { maxQueueEvents: 100 },
    ...quiet,
  });
  await overflow(rehearsal, name);
  await rehearsal.close({ deadlineMs: 0 });

  const audit = createAudit({ mongo: 'mongodb://127.0.0.1:1/', ...quiet });
  await nextTurn();
  const before = heldBytes();
  await overflow(audit, name);
  const grownBytes = heldBytes() - before;
  const { pending, dropped, queueBytes } = audit.stats();
  return { kept: pending, dropped, queueBytes, grownBytes };
}

answerParent({ flood: () => flood(process.argv[2] as PayloadName) });
