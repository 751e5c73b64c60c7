import { AsyncLocalStorage } from 'node:async_hooks';
import { AuditError } from '../errors';
import { bulkWrite } from './bulk-writes';
import { deleteMany, deleteOne, findOneAndDelete } from './deletes';
import { type MongooseCollection, sessionOf } from './driver';
import { findOneAndWrite } from './find-and-write';
import type { Handler, Settlement } from './handler';
import { insertMany, insertOne } from './inserts';
import { replaceOne, updateMany, updateOne } from './updates';
import { type WatchedParts, Write } from './write';

interface Watched {
  readonly handler: Handler;
  /** Where its options are among the arguments. */
  readonly optionsAt: number;
}

const METHODS: Readonly<Record<string, Watched>> = {
  insertOne: { handler: insertOne, optionsAt: 1 },
  insertMany: { handler: insertMany, optionsAt: 1 },
  bulkWrite: { handler: bulkWrite, optionsAt: 1 },
  updateOne: { handler: updateOne, optionsAt: 2 },
  updateMany: { handler: updateMany, optionsAt: 2 },
  replaceOne: { handler: replaceOne, optionsAt: 2 },
  deleteOne: { handler: deleteOne, optionsAt: 1 },
  deleteMany: { handler: deleteMany, optionsAt: 1 },
  findOneAndUpdate: { handler: findOneAndWrite, optionsAt: 2 },
  findOneAndReplace: { handler: findOneAndWrite, optionsAt: 2 },
  findOneAndDelete: { handler: findOneAndDelete, optionsAt: 1 },
};

type Method = (this: unknown, ...args: unknown[]) => Promise<unknown>;
type Callback = (error: unknown, result?: unknown) => void;

/** Puts wrappers on one collection of mongoose's, whose methods all ways to write end in. */
export function watchCollection(parts: WatchedParts): void {
  const methods = parts.collection as MongooseCollection & Record<string, unknown>;
  const waiting: Waiting[] = [];
  for (const [name, watched] of Object.entries(METHODS)) {
    const original = methods[name];
    if (typeof original !== 'function') continue;
    methods[name] = wrapWrite(parts, { ...watched, original: original as Method }, waiting);
  }
  const { findOne } = methods;
  if (typeof findOne === 'function') methods.findOne = wrapFindOne(parts, findOne as Method);
}

interface Waiting {
  readonly args: readonly unknown[];
  readonly inContext: <T>(fn: () => T) => T;
}

/** Before the first connection mongoose keeps a call, and makes it again later: that one is recorded, in its context. */
function wrapWrite(parts: WatchedParts, watched: Watched & { original: Method }, waiting: Waiting[]): Method {
  const { collection } = parts;
  return function (...args) {
    if (collection.buffer && collection._shouldBufferCommands?.()) {
      waiting.push({ args, inContext: AsyncLocalStorage.snapshot() });
      return watched.original.apply(this, args);
    }
    const i = waiting.findIndex((one) => one.args.every((arg, at) => arg === args[at]));
    const [again] = i === -1 ? [] : waiting.splice(i, 1);
    const call = (): Promise<unknown> => callBack(args, (own) => observe(parts, watched, own));
    return again === undefined ? call() : again.inContext(call);
  };
}

/** Mongoose 8 takes a callback as the last argument. */
function callBack(
  args: readonly unknown[],
  run: (args: readonly unknown[]) => Promise<unknown>,
): Promise<unknown> {
  const callback = args.at(-1);
  if (typeof callback !== 'function') return run(args);
  return run(args.slice(0, -1)).then(
    (result) => {
      (callback as Callback)(null, result);
      return result;
    },
    (error) => (callback as Callback)(error),
  );
}

async function observe(
  parts: WatchedParts,
  { handler, optionsAt, original }: Watched & { original: Method },
  args: readonly unknown[],
): Promise<unknown> {
  let settlement: Settlement | null = null;
  try {
    const prepared = handler(new Write(parts, args[optionsAt]), args);
    settlement = prepared instanceof Promise ? await prepared : prepared;
  } catch (error) {
    report(parts, error);
  }
  let result: unknown;
  try {
    result = await original.apply(parts.collection, [...args]);
  } catch (error) {
    await guarded(parts, () => settlement?.failed?.(error));
    throw error;
  }
  await guarded(parts, () => settlement?.done(result));
  return result;
}

async function guarded(parts: WatchedParts, fn: () => Promise<void> | void | undefined): Promise<void> {
  try {
    // without a promise there is nothing to wait for
    const pending = fn();
    if (pending instanceof Promise) await pending;
  } catch (error) {
    report(parts, error);
  }
}

function report({ reporter, collection }: WatchedParts, cause: unknown): void {
  const message = `A change in '${collection.collectionName}' could not be recorded; the write itself is not affected.`;
  reporter.error(new AuditError('AUDIT_CHANGE_UNRECORDED', message, { cause }));
}

/** Notes what was read in a transaction: a save of it there needs no read. */
function wrapFindOne({ transactions, loaded }: WatchedParts, original: Method): Method {
  return function (...args) {
    const transaction = transactions.of(sessionOf(args[1]));
    const reading = original.apply(this, args);
    if (transaction === null) return reading;
    const at = transaction.now;
    return reading.then((raw) => {
      loaded.noteOrigin(raw, transaction, at);
      return raw;
    });
  };
}
