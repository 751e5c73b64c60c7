import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AuditError, Reporter } from '../../lib/errors';
import type { EventBytes, Journal, Taken } from '../../lib/journal';
import { joinTail } from '../../lib/record/spool/format';
import { type Listener, NODE_FS, type SpoolFs } from '../../lib/record/spool/fs';
import { createSpool, type SpoolOptions } from '../../lib/record/spool/spool';

const MIB = 1024 * 1024;

/** A file system that a test breaks and heals, and whose process can die. */
export interface FaultyFs extends SpoolFs {
  /** Asked before every call that may fail: what it returns is thrown. */
  fault: ((name: string, args: readonly unknown[]) => Error | null) | null;
  /** No call after this does anything, and its sockets are held no longer. */
  die(): void;
  readonly calls: Map<string, number>;
}

export function errorOf(code: string): Error {
  return Object.assign(new Error(code), { code });
}

export function createFaultyFs(base: SpoolFs = NODE_FS): FaultyFs {
  const listeners: Listener[] = [];
  const calls = new Map<string, number>();
  let isDead = false;
  const own = {
    fault: null as FaultyFs['fault'],
    calls,
    die() {
      isDead = true;
      for (const listener of listeners) listener.close();
    },
    listen(path: string): Listener {
      const listener = base.listen(path);
      listeners.push(listener);
      return listener;
    },
  };
  const handler: ProxyHandler<typeof own> = {
    get(target, name: string) {
      if (name in target && name !== 'listen') return Reflect.get(target, name);
      const call = (name === 'listen' ? target.listen : Reflect.get(base, name)) as (
        ...args: unknown[]
      ) => unknown;
      return (...args: unknown[]) => {
        calls.set(name, (calls.get(name) ?? 0) + 1);
        // descriptors of the dead are closed, as they would be by the system
        const isClosing = name.startsWith('close');
        const error = isDead && !isClosing ? errorOf('EDEAD') : (target.fault?.(name, args) ?? null);
        if (error === null) return call(...args);
        if (name.endsWith('Sync') || name === 'listen') throw error;
        return Promise.reject(error);
      };
    },
    set(target, name, value) {
      return Reflect.set(target, name, value);
    },
  };
  return new Proxy(own, handler) as unknown as FaultyFs;
}

/** One BSON document in the eyes of a spool: its length, then anything. */
export function eventOf(sequence: number, text = `event ${sequence}`, tail = 'tail'): EventBytes {
  const start = Buffer.concat([Buffer.alloc(4), Buffer.from(text)]);
  return {
    sequence,
    timestamp: 1_700_000_000_000 + sequence,
    body: joinTail(start, start.length, Buffer.from(tail)),
    tailAt: start.length,
  };
}

export const withTail = ({ body, tailAt }: EventBytes, tail: string): Buffer =>
  joinTail(body, tailAt, Buffer.from(tail));

export interface TestSpool {
  readonly journal: Journal;
  readonly writer: string;
  readonly fs: FaultyFs;
  readonly errors: AuditError[];
}

const directories: string[] = [];
const open: Journal[] = [];

export async function makeDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'spool-'));
  directories.push(directory);
  return directory;
}

export function startSpool(directory: string, options: Partial<SpoolOptions> = {}): TestSpool {
  const errors: AuditError[] = [];
  const reporter: Reporter = {
    error: (error) => void errors.push(error as AuditError),
    once() {},
    dropped() {},
  };
  const fs = (options.fs as FaultyFs | undefined) ?? createFaultyFs();
  const writer = options.writerId ?? randomUUID();
  const journal = createSpool({
    directory,
    maxBytes: 64 * MIB,
    segmentBytes: MIB,
    fsyncMs: 5,
    minFreeBytes: 0,
    writerId: writer,
    reporter,
    checkMs: 5,
    adoptMs: 20,
    ...options,
    fs,
  });
  open.push(journal);
  return { journal, writer, fs, errors };
}

/** As SIGKILL: nothing is written after it, and the socket is held no longer. */
export async function crash({ journal, fs }: TestSpool): Promise<void> {
  fs.die();
  await journal.close();
}

/** Ends what a test has begun. */
export async function endSpools(): Promise<void> {
  await Promise.all(open.splice(0).map((journal) => journal.close()));
  await Promise.all(directories.splice(0).map((path) => rm(path, { recursive: true, force: true })));
}

export async function until(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isTrue())) await new Promise((resolve) => setTimeout(resolve, 2));
}

export async function takeAll({ journal }: TestSpool): Promise<Taken[]> {
  const all: Taken[] = [];
  for (let some = await journal.take(100, MIB); some.length > 0; some = await journal.take(100, MIB))
    all.push(...some);
  return all;
}

/** What another process gives of what is left, once it has adopted all. */
export async function adoptAll(directory: string, options: Partial<SpoolOptions> = {}) {
  const spool = await startAdopter(directory, options);
  return { ...spool, taken: await takeAll(spool) };
}

/** A process that has adopted all that others left. */
export async function startAdopter(
  directory: string,
  options: Partial<SpoolOptions> = {},
): Promise<TestSpool> {
  const spool = startSpool(directory, options);
  spool.journal.start();
  await until(() => isAdopted(directory, spool));
  return spool;
}

/** Whether nothing is left that is not its own, and all of that was read through. */
async function isAdopted(directory: string, { journal, writer }: TestSpool): Promise<boolean> {
  let bytes = 0;
  // directories are renamed meanwhile
  const names = await readdir(directory, { recursive: true }).catch(() => null);
  if (names === null) return false;
  for (const name of names) {
    const [, owner] = /^[0-9a-f-]{36}\.([0-9a-f-]{36})$/.exec(name) ?? [];
    if (owner !== undefined && owner !== writer) return false;
    if (name.endsWith('.seg'))
      bytes += await stat(join(directory, name)).then(
        ({ size }) => size,
        () => Number.NaN,
      );
  }
  return bytes === journal.state().bytes;
}

export const sequencesOf = (taken: readonly Taken[]): number[] =>
  taken.flatMap((one) => (one.kind === 'event' ? [one.event.sequence] : []));

export const lossesIn = (taken: readonly Taken[]): [number, number][] =>
  taken.flatMap((one) => (one.kind === 'loss' ? [[one.loss.first, one.loss.last] as [number, number]] : []));

export function releaseAll(taken: readonly Taken[]): void {
  for (const { place } of taken) place.release();
}
