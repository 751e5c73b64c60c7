import mongoose, { type Connection } from 'mongoose';
import { type Mongod, startMongod } from '../../examples/mongod';
import { type Audit, type AuditOptions, createAudit } from '../../lib/index';
import { freshUri } from '../support/app';

const FAILPOINTS = ['--setParameter', 'enableTestCommands=1'];

/** A mongod of the test's own that can be told to fail. */
export async function startFailingMongod(): Promise<Mongod & { fail: Fail }> {
  const mongod = await startMongod({ args: FAILPOINTS });
  return { ...mongod, fail: (data, mode) => fail(mongod.uri, data, mode) };
}

type Mode = 'alwaysOn' | 'off' | { readonly times: number } | { readonly skip: number };
type Fail = (data: Readonly<Record<string, unknown>>, mode?: Mode) => Promise<void>;

async function fail(uri: string, data: Readonly<Record<string, unknown>>, mode: Mode = { times: 1 }) {
  const connection = await look(uri);
  try {
    await connection.getClient().db('admin').command({ configureFailPoint: 'failCommand', mode, data });
  } finally {
    await connection.close();
  }
}

/** A connection of the test's own, to look at what is stored. */
export function look(uri: string): Promise<Connection> {
  return mongoose.createConnection(uri, { serverSelectionTimeoutMS: 10_000 }).asPromise();
}

/** The database behind a connection that is open. */
export function dbOf({ db }: Connection): NonNullable<Connection['db']> {
  if (db === undefined) throw new Error('the connection is not open');
  return db;
}

export interface Recorded {
  readonly audit: Audit;
  readonly uri: string;
  readonly errors: (Error & { readonly code?: string })[];
  readonly drops: { readonly reason: string; readonly count: number }[];
}

const open: Audit[] = [];

/** For `afterEach`: a test that failed leaves no audit behind. */
export async function closeAudits(): Promise<void> {
  await Promise.all(open.splice(0).map((audit) => audit.close({ deadlineMs: 100 })));
}

/** An audit without an app: `audit.record` takes the same way as a request. */
export function startAudit(options: Partial<AuditOptions> & { readonly base?: string } = {}): Recorded {
  const { base, ...rest } = options;
  const uri = freshUri(base);
  const errors: Error[] = [];
  const drops: Recorded['drops'] = [];
  const audit = createAudit({
    mongo: uri,
    flushIntervalMs: 5,
    onError: (error) => errors.push(error),
    onDrop: (reason, count) => drops.push({ reason, count }),
    ...rest,
  });
  open.push(audit);
  return { audit, uri, errors, drops };
}

export function recordMany(audit: Audit, count: number, name = 'Noted'): void {
  for (let i = 0; i < count; i++) audit.record({ name });
}

/** Waits for what announces itself nowhere. */
export async function until(condition: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`did not happen within 20 s: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Fails unless every captured event is in exactly one term. */
export function expectBalance(audit: Audit): void {
  const { captured, delivered, pending, dropped, quarantined, droppedByReason } = audit.stats();
  expect({ captured, dropped }).toEqual({
    captured: delivered + pending + dropped + quarantined,
    dropped: Object.values(droppedByReason).reduce((sum, count) => sum + count, 0),
  });
}

/** Samples the balance until `stop`, which also fails when there was no sample. */
export function watchBalance(audit: Audit): { stop(): void } {
  const wrong: unknown[] = [];
  let samples = 0;
  const timer = setInterval(() => {
    samples += 1;
    const { captured, delivered, pending, dropped, quarantined } = audit.stats();
    const isSane = [delivered, pending, dropped, quarantined].every((term) => term >= 0);
    if (!isSane || captured !== delivered + pending + dropped + quarantined) wrong.push(audit.stats());
  }, 1).unref();
  return {
    stop() {
      clearInterval(timer);
      expectBalance(audit);
      expect(wrong).toEqual([]);
      expect(samples).toBeGreaterThan(0);
    },
  };
}
