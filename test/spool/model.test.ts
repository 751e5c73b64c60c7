import { readdir } from 'node:fs/promises';
import fc from 'fast-check';
import type { Place, Taken } from '../../lib/journal';
import {
  crash,
  endSpools,
  errorOf,
  eventOf,
  makeDirectory,
  startAdopter,
  type TestSpool,
  takeAll,
  until,
  withTail,
} from './spool-parts';

/** What is known of an event that was acknowledged. */
interface Known {
  /** What it may say: one text but for a tail that may not have been written. */
  bodies: Set<string>;
  opened: ReturnType<typeof eventOf> | null;
  state: 'held' | 'spilled' | 'taken' | 'left';
}

/** By writer and sequence, all that was acknowledged and not released. */
interface Model {
  readonly known: Map<string, Known>;
  /** Released: may be offered again after a crash. */
  readonly released: Map<string, Set<string>>;
}

class Rig {
  sequence = 0;
  readonly places = new Map<string, Place>();
  readonly taken: { key: string; place: Pick<Place, 'release'> }[] = [];
  hasAdopted = false;

  constructor(
    readonly directory: string,
    public spool: TestSpool,
  ) {}

  get isFaulty(): boolean {
    return this.spool.fs.fault !== null;
  }

  keyOf(sequence: number): string {
    return `${this.spool.writer}/${sequence}`;
  }
}

/** Small enough that many segments are begun, by one event in some cases. */
const OPTIONS = { segmentBytes: 600, adoptMs: 5, fsyncMs: 1 };
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

type Command = fc.AsyncCommand<Model, Rig>;

/** Commands say what they did when a run fails. */
function command(name: string, run: (model: Model, rig: Rig) => Promise<void> | void): Command {
  return {
    check: () => true,
    async run(model, rig) {
      await run(model, rig);
      await nextTurn();
      checkState(model, rig);
    },
    toString: () => name,
  };
}

function checkState({ known }: Model, { spool, hasAdopted }: Rig): void {
  const { backlog, oldest, bytes } = spool.journal.state();
  const waiting = [...known.values()].filter(({ state }) => state === 'spilled' || state === 'left').length;
  if (hasAdopted) expect(backlog).toBeGreaterThanOrEqual(waiting);
  else expect(backlog).toBe(waiting);
  expect(oldest === null).toBe(backlog === 0);
  expect(bytes).toBeGreaterThanOrEqual(0);
}

/** One of those that this process holds. */
function pick({ known }: Model, { places }: Rig, index: number): [string, Known, Place] | null {
  const held = [...places].filter(([key]) => known.get(key)?.state === 'held');
  const [key, place] = held[index % Math.max(1, held.length)] ?? [];
  const event = key === undefined ? undefined : known.get(key);
  return key === undefined || event === undefined || place === undefined ? null : [key, event, place];
}

const append = (isOpen: boolean, size: number): Command =>
  command(`append(${isOpen}, ${size})`, ({ known }, rig) => {
    rig.sequence += 1;
    const event = eventOf(rig.sequence, `${rig.sequence} ${'x'.repeat(size)}`);
    const place = rig.spool.journal.append(event, isOpen);
    if (place === null) {
      expect(rig.spool.journal.state().isWritable).toBe(false);
      return;
    }
    const key = rig.keyOf(rig.sequence);
    rig.places.set(key, place);
    known.set(key, {
      bodies: new Set([event.body.toString()]),
      opened: isOpen ? event : null,
      state: 'held',
    });
  });

const replace = (index: number, isOpen: boolean): Command =>
  command(`replace(${index}, ${isOpen})`, (model, rig) => {
    const [key, known, place] = pick(model, rig, index) ?? [];
    if (key === undefined || known === undefined) return;
    const sequence = Number(key.split('/')[1]);
    const event = eventOf(sequence, `${sequence} again ${known.bodies.size} ${Math.random()}`);
    if (!place?.replace(event, isOpen)) return;
    known.bodies = new Set([event.body.toString()]);
    known.opened = isOpen ? event : null;
  });

const complete = (index: number, isSynced: boolean): Command =>
  command(`complete(${index}, ${isSynced})`, async (model, rig) => {
    const [, known, place] = pick(model, rig, index) ?? [];
    if (known === undefined || known.opened === null) return;
    place?.complete(Buffer.from('done'));
    const body = withTail(known.opened, 'done').toString();
    known.opened = null;
    known.bodies.add(body);
    if (isSynced && (await rig.spool.journal.sync())) known.bodies = new Set([body]);
  });

const spill = (index: number): Command =>
  command(`spill(${index})`, (model, rig) => {
    const [key, known, place] = pick(model, rig, index) ?? [];
    place?.spill();
    if (key === undefined || known === undefined || known.opened !== null) return;
    known.state = 'spilled';
    rig.places.delete(key);
  });

function forget({ known, released }: Model, key: string): void {
  released.set(key, known.get(key)?.bodies ?? released.get(key) ?? new Set());
  known.delete(key);
}

const release = (index: number): Command =>
  command(`release(${index})`, (model, rig) => {
    const [key, , place] = pick(model, rig, index) ?? [];
    if (key === undefined) return;
    place?.release();
    forget(model, key);
    rig.places.delete(key);
  });

/** Nothing strange comes, nothing in an older version, and nothing twice but after a crash. */
function accept({ known, released }: Model, rig: Rig, taken: readonly Taken[]): void {
  for (const one of taken) {
    if (one.kind === 'loss') throw new Error(`a loss of ${one.loss.first} to ${one.loss.last}`);
    const { sequence, body } = one.event;
    // the text begins with the sequence, and no two processes of a run have the same
    const key = [...known.keys(), ...released.keys()].find((each) => Number(each.split('/')[1]) === sequence);
    if (key === undefined) throw new Error(`nothing is known of ${sequence}`);
    const event = known.get(key);
    const bodies = event?.bodies ?? released.get(key) ?? new Set();
    if (event !== undefined || !released.has(key)) expect([...bodies]).toContain(body.toString());
    if (event !== undefined) {
      expect(['spilled', 'left']).toContain(event.state);
      event.state = 'taken';
    }
    rig.taken.push({ key, place: one.place });
  }
}

const take = (count: number): Command =>
  command(`take(${count})`, async (model, rig) => {
    const { backlog } = rig.spool.journal.state();
    const taken = await rig.spool.journal.take(count, 1_000);
    if (!rig.isFaulty) expect(taken.length > 0).toBe(backlog > 0);
    expect(taken.length).toBeLessThanOrEqual(count);
    accept(model, rig, taken);
  });

const settle = (count: number): Command =>
  command(`settle(${count})`, (model, rig) => {
    for (const { key, place } of rig.taken.splice(0, count)) {
      place.release();
      forget(model, key);
    }
  });

const sync = (): Command =>
  command('sync()', async (_model, rig) => {
    const isSafe = await rig.spool.journal.sync();
    if (!rig.isFaulty && rig.spool.journal.state().isWritable) expect(typeof isSafe).toBe('boolean');
  });

const reopen = (): Command =>
  command('reopen()', async (model, rig) => {
    await crash(rig.spool);
    rig.spool = await startAdopter(rig.directory, OPTIONS);
    rig.places.clear();
    rig.taken.length = 0;
    rig.hasAdopted = true;
    for (const event of model.known.values()) {
      event.state = 'left';
      event.opened = null;
    }
  });

const FAULTS = ['writeSync', 'openSync', 'ftruncateSync', 'fdatasync', 'unlink', 'unlinkSync', 'open'];

const fail = (names: readonly string[], code: string): Command =>
  command(`fail(${names}, ${code})`, (_model, { spool }) => {
    spool.fs.fault = (name) => (names.includes(name) ? errorOf(code) : null);
  });

const heal = (): Command =>
  command('heal()', async (_model, { spool }) => {
    spool.fs.fault = null;
    await until(() => spool.journal.state().isWritable);
    expect(await spool.journal.sync()).toBe(true);
  });

const index = fc.nat(20);
const COMMANDS = [
  fc.tuple(fc.boolean(), fc.nat(300)).map(([isOpen, size]) => append(isOpen, size)),
  fc.tuple(fc.boolean(), fc.nat(300)).map(([isOpen, size]) => append(isOpen, size)),
  fc.tuple(index, fc.boolean()).map(([i, isOpen]) => replace(i, isOpen)),
  fc.tuple(index, fc.boolean()).map(([i, isSynced]) => complete(i, isSynced)),
  index.map(spill),
  index.map(release),
  fc.integer({ min: 1, max: 4 }).map(take),
  fc.nat(5).map(settle),
  fc.constant(sync()),
  fc.constant(reopen()),
  fc
    .tuple(fc.subarray(FAULTS, { minLength: 1 }), fc.constantFrom('EIO', 'ENOSPC', 'EACCES'))
    .map(([names, code]) => fail(names, code)),
  fc.constant(heal()),
];

/** All that was acknowledged and not released is given by the next process, and then nothing is left. */
async function checkEnd(model: Model, rig: Rig): Promise<void> {
  await reopen().run(model, rig);
  const { backlog } = rig.spool.journal.state();
  const taken = await takeAll(rig.spool);
  expect(taken).toHaveLength(backlog);
  accept(model, rig, taken);
  expect([...model.known].filter(([, { state }]) => state !== 'taken')).toEqual([]);
  for (const { place } of rig.taken) place.release();
  // its own directory and socket
  await until(async () => (await readdir(rig.directory)).length === 2);
  await rig.spool.journal.close();
  expect(await readdir(rig.directory)).toEqual([]);
}

describe('a spool, whatever is done to it and however its disk fails,', () => {
  it('loses nothing that was acknowledged and not released, and gives nothing else', async () => {
    await fc.assert(
      fc
        .asyncProperty(fc.commands(COMMANDS, { maxCommands: 60, size: 'max' }), async (commands) => {
          const directory = await makeDirectory();
          const model: Model = { known: new Map(), released: new Map() };
          const rig = new Rig(directory, await startAdopter(directory, OPTIONS));
          await fc.asyncModelRun(() => ({ model, real: rig }), commands);
          await checkEnd(model, rig);
        })
        .afterEach(endSpools),
      { numRuns: Number(process.env.SPOOL_RUNS ?? 60) },
    );
  }, 120_000);
});
