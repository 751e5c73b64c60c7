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
  for (const [name, watched] of Object.entries(METHODS)) {
    const original = methods[name];
    if (typeof original !== 'function') continue;
    methods[name] = wrapWrite(parts, { ...watched, original: original as Method });
  }
  const { findOne } = methods;
  if (typeof findOne === 'function') methods.findOne = wrapFindOne(parts, findOne as Method);
}

interface Waiting {
  readonly args: readonly unknown[];
  readonly inContext: <T>(fn: () => T) => T;
}

/** Before the first connection mongoose keeps a call, and makes it again later: that one is recorded, in its context. */
function wrapWrite(parts: WatchedParts, watched: Watched & { original: Method }): Method {
  const { collection } = parts;
  const waiting = new Set<Waiting>();
  return function (...args) {
    if (collection.buffer && collection._shouldBufferCommands?.()) {
      const call = { args: withoutCallback(args), inContext: AsyncLocalStorage.snapshot() };
      waiting.add(call);
      const buffered = watched.original.apply(this, args);
      // a call that waited too long is never made again
      return buffered instanceof Promise ? buffered.finally(() => waiting.delete(call)) : buffered;
    }
    const again = [...waiting].find((one) => isSameCall(one.args, withoutCallback(args)));
    const call = (): Promise<unknown> => callBack(args, (own) => observe(parts, watched, own));
    if (again === undefined) return call();
    waiting.delete(again);
    return again.inContext(call);
  };
}

function isSameCall(one: readonly unknown[], other: readonly unknown[]): boolean {
  return one.length === other.length && one.every((arg, at) => arg === other[at]);
}

function withoutCallback(args: readonly unknown[]): readonly unknown[] {
  return typeof args.at(-1) === 'function' ? args.slice(0, -1) : args;
}

/** Mongoose 8 takes a callback as the last argument. */
function callBack(
  args: readonly unknown[],
  run: (args: readonly unknown[]) => Promise<unknown>,
): Promise<unknown> {
  const callback = args.at(-1);
  if (typeof callback !== 'function') return run(args);
  return run(withoutCallback(args)).then(
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
  let write: Write | null = null;
  let settlement: Settlement | null = null;
  try {
    write = new Write(parts, args[optionsAt]);
    const prepared = handler(write, args);
    settlement = prepared instanceof Promise ? await prepared : prepared;
  } catch (error) {
    report(parts, error);
  }
  try {
    const result = await original.apply(parts.collection, [...args]);
    await guarded(parts, () => settlement?.done(result));
    return result;
  } catch (error) {
    await guarded(parts, () => settlement?.failed?.(error));
    throw error;
  } finally {
    write?.end();
  }
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
    if (transaction === null || !(reading instanceof Promise)) return reading;
    const at = transaction.now;
    return reading.then((raw) => {
      loaded.noteOrigin(raw, transaction, at);
      return raw;
    });
  };
}
