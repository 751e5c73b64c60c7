import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AuditOptionError } from '../../lib/errors';
import { HEADER_BYTES } from '../../lib/record/spool/format';
import { inspectSpool } from '../../lib/record/spool/inspect';
import { type DeadLog, leave, put, SEGMENTS } from './dead-log';
import {
  adoptAll,
  crash,
  endSpools,
  eventOf,
  lossesIn,
  makeDirectory,
  releaseAll,
  sequencesOf,
  startAdopter,
  startSpool,
  type TestSpool,
  takeAll,
  until,
  withTail,
} from './spool-parts';

let directory: string;

beforeEach(async () => {
  directory = await makeDirectory();
});
afterEach(endSpools);

/** Nine events, three in a segment, of which the fifth is damaged. */
async function leaveDamaged(): Promise<DeadLog> {
  const length = 40 + eventOf(1).body.length;
  const log = await leave(
    ({ journal }) => {
      for (let i = 1; i <= 9; i++) journal.append(eventOf(i), false);
    },
    HEADER_BYTES + 3 * length,
  );
  log.files.get(SEGMENTS[1])?.fill(0, HEADER_BYTES + length, HEADER_BYTES + length + 5);
  return log;
}

async function takeUntil(spool: TestSpool, count: number) {
  const taken: Awaited<ReturnType<typeof takeAll>> = [];
  await until(async () => {
    taken.push(...(await spool.journal.take(1, 1e6)));
    return taken.length === count;
  });
  return taken;
}

describe('processes that share a directory', () => {
  it('leave each other alone while they live', async () => {
    const [one, two] = [startSpool(directory), startSpool(directory)];
    for (const { journal } of [one, two]) {
      journal.append(eventOf(1), false)?.spill();
      journal.start();
    }
    // each has looked three times
    await until(() => [one, two].every(({ fs }) => (fs.calls.get('readdir') ?? 0) > 3));
    expect([one, two].map(({ journal }) => journal.state().backlog)).toEqual([1, 1]);
    expect([one.errors, two.errors]).toEqual([[], []]);
    expect(await readdir(directory)).toHaveLength(4);
  });

  it('adopt what a dead one left once among them, whoever is first', async () => {
    const dead = startSpool(directory);
    for (let i = 1; i <= 50; i++) dead.journal.append(eventOf(i), false);
    await crash(dead);
    const living = Array.from({ length: 5 }, () => startSpool(directory));
    for (const { journal } of living) journal.start();
    const given: number[] = [];
    await until(async () => {
      for (const spool of living) given.push(...sequencesOf(await takeAll(spool)));
      return given.length >= 50;
    });
    expect(given.sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
    expect(living.flatMap(({ errors }) => errors)).toEqual([]);
  });

  it('adopt from one that died while it recovered, and lose the same', async () => {
    const log = await leaveDamaged();
    await put(directory, log);
    const released: number[] = [];
    for (const count of [2, 4, 3, 20]) {
      const spool = startSpool(directory);
      spool.journal.start();
      const left = 10 - new Set(released).size;
      const taken = await takeUntil(spool, Math.min(count, left));
      for (const loss of lossesIn(taken)) expect(loss).toEqual([5, 5]);
      released.push(...sequencesOf(taken), ...lossesIn(taken).flat());
      releaseAll(taken.slice(0, -1));
      await crash(spool);
      if (released.length > 20) break;
    }
    const { taken, journal } = await adoptAll(directory);
    for (const loss of lossesIn(taken)) expect(loss).toEqual([5, 5]);
    expect(new Set([...released, ...sequencesOf(taken)])).toEqual(new Set([1, 2, 3, 4, 5, 6, 7, 8, 9]));
    releaseAll(taken);
    await until(() => journal.state().bytes === 0);
    await journal.close();
    expect(await readdir(directory)).toEqual(['corrupt']);
    expect(await readdir(join(directory, 'corrupt'))).toEqual([
      `${log.writer}-2-${HEADER_BYTES + 40 + eventOf(1).body.length}.bin`,
    ]);
  });

  it('delete segments from the oldest on, and one that holds a loss when that is released', async () => {
    const log = await leaveDamaged();
    await put(directory, log);
    const spool = startSpool(directory);
    spool.journal.start();
    const taken = await takeUntil(spool, 9);
    const path = join(directory, `${log.writer}.${spool.writer}`);
    const release = (isChosen: (one: (typeof taken)[number]) => boolean): void =>
      releaseAll(taken.filter(isChosen));
    const segments = async () => (await readdir(path)).filter((name) => name.endsWith('.seg'));
    release((one) => one.kind === 'event' && one.event.sequence > 3);
    release((one) => one.kind === 'event' && one.event.sequence <= 3);
    await until(async () => (await segments()).length === 2);
    expect(await segments()).toEqual(SEGMENTS.slice(1));
    release(({ kind }) => kind === 'loss');
    await until(async () => !(await readdir(directory)).includes(`${log.writer}.${spool.writer}`));
  });

  it.each([
    ['another host', { hostname: 'elsewhere', bootId: 'another' }, 'another host'],
    ['a format of the future', { version: 2 }, 'format 2'],
  ])('leave what comes from %s alone, and say so once', async (_, changed, message) => {
    const log = await leaveDamaged();
    const host = { ...JSON.parse(String(log.files.get('host.json'))), ...changed };
    const path = await put(directory, log, { 'host.json': Buffer.from(JSON.stringify(host)) });
    const { journal, fs, errors } = startSpool(directory);
    journal.start();
    await until(() => (fs.calls.get('readdir') ?? 0) > 3);
    expect(errors).toMatchObject([
      { code: 'AUDIT_SPOOL_FOREIGN', message: expect.stringContaining(message) },
    ]);
    expect(await readdir(path)).toHaveLength(4);
    expect(journal.state().backlog).toBe(0);
  });

  it.each([
    ['that was started again', { bootId: 'before' }],
    ['whose container had another name', { hostname: 'container' }],
    ['whose host.json is empty', null],
  ])('adopt what comes from a machine %s', async (_, changed) => {
    const log = await leaveDamaged();
    const host = JSON.stringify({ ...JSON.parse(String(log.files.get('host.json'))), ...changed });
    await put(directory, log, { 'host.json': Buffer.from(changed === null ? '' : host) });
    const { taken } = await adoptAll(directory);
    expect(sequencesOf(taken)).toHaveLength(8);
  });

  it('keep what is damaged aside, and say so', async () => {
    await put(directory, await leaveDamaged());
    const { errors } = await adoptAll(directory);
    expect(errors).toMatchObject([{ code: 'AUDIT_SPOOL_CORRUPT' }]);
  });

  it('are refused a directory whose path is too long for a socket', () => {
    const long = join(directory, 'x'.repeat(80));
    expect(() => startSpool(long)).toThrow(AuditOptionError);
    expect(() => startSpool(long)).toThrow(
      /Option spool\.directory must have at most 78 bytes.*choose a shorter path/,
    );
  });
});

describe('what was adopted', () => {
  it.each(['all of it', 'one segment'])(
    'and is deleted (%s) before it was given is named as lost',
    async (what) => {
      const dead = startSpool(directory, { segmentBytes: 3 * (40 + eventOf(1).body.length) + HEADER_BYTES });
      for (let i = 1; i <= 9; i++) dead.journal.append(eventOf(i), false);
      await crash(dead);
      const spool = await startAdopter(directory);
      const { journal, writer } = spool;
      const [first] = await journal.take(1, 1e6);
      const path = join(directory, `${dead.writer}.${writer}`);
      await rm(what === 'all of it' ? path : join(path, SEGMENTS[1]), { recursive: true });
      const taken = [first, ...(await takeAll(spool))].filter((one) => one !== undefined);
      expect(journal.state()).toMatchObject({ adopted: 9, backlog: 0 });
      const kept = what === 'all of it' ? [1, 2, 3] : [1, 2, 3, 7, 8, 9];
      expect(sequencesOf(taken)).toEqual(kept);
      const lost = lossesIn(taken).flatMap(([from, to]) =>
        Array.from({ length: to - from + 1 }, (_, i) => from + i),
      );
      expect([...kept, ...lost].sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
      releaseAll(taken);
      await until(() => journal.state().bytes === 0);
    },
  );
});

describe('an open event', () => {
  it('is carried over, so that it holds no old segments', async () => {
    const spool = startSpool(directory, { segmentBytes: 10_000 });
    const { journal } = spool;
    const stream = journal.append(eventOf(1), true);
    for (let i = 2; i < 200; i++) {
      journal.append(eventOf(i, 'x'.repeat(1_000)), false)?.release();
      // segments are deleted behind the writer
      if (i % 10 === 0) await until(() => journal.state().bytes < 40_000);
    }
    stream?.complete(Buffer.from('done'));
    await journal.sync();
    await crash(spool);
    const { taken } = await adoptAll(directory);
    expect(taken.find((one) => one.kind === 'event' && one.event.sequence === 1)).toMatchObject({
      event: { body: withTail(eventOf(1), 'done') },
    });
    expect(taken.length).toBeLessThan(60);
  });
});

describe('inspectSpool', () => {
  it('says what a directory holds, and changes nothing', async () => {
    const log = await leaveDamaged();
    await put(directory, log);
    const spool = startSpool(directory);
    const [open, done] = [spool.journal.append(eventOf(1), true), spool.journal.append(eventOf(2), true)];
    done?.complete(Buffer.from('done'));
    await spool.journal.sync();
    const before = await contents(directory);
    const processes = await inspectSpool(directory);
    expect(await contents(directory)).toEqual(before);
    const length = 40 + eventOf(1).body.length;
    expect(processes.find(({ writer }) => writer === log.writer)).toMatchObject({
      owner: log.writer,
      isAlive: false,
      host: { writer: log.writer },
      segments: [
        { name: SEGMENTS[0], records: 3, corruptBytes: 0, tornBytes: 0 },
        { name: SEGMENTS[1], records: 2, corruptBytes: length, tornBytes: 0 },
        { name: SEGMENTS[2], records: 3, corruptBytes: 0, tornBytes: 0 },
      ],
    });
    const own = processes.find(({ writer }) => writer === spool.writer);
    expect(own).toMatchObject({ isAlive: true, segments: [{ records: 3 }] });
    const events = [];
    for await (const { event, state } of own?.events() ?? []) events.push([state, event.body.toString()]);
    expect(events).toEqual([
      ['open', eventOf(1).body.toString()],
      ['completed', withTail(eventOf(2), 'done').toString()],
    ]);
    open?.release();
  });
});

async function contents(path: string): Promise<Record<string, string>> {
  const all: Record<string, string> = {};
  for (const entry of await readdir(path, { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name);
    all[file] = entry.isFile() ? (await readFile(file)).toString('hex') : 'other';
  }
  return all;
}

describe('what a spool leaves open', () => {
  it('is nothing when it is closed', async () => {
    const descriptors = async () => (await readdir('/proc/self/fd')).length;
    await mkdir(join(directory, 'x'));
    await writeFile(join(directory, 'x', 'unrelated'), '');
    const before = await descriptors();
    for (let round = 0; round < 5; round++) {
      const dead = startSpool(directory, { segmentBytes: 2_000 });
      for (let i = 1; i <= 50; i++) dead.journal.append(eventOf(i, 'x'.repeat(100)), i % 2 === 0);
      await crash(dead);
      const { journal, taken } = await adoptAll(directory, { segmentBytes: 2_000 });
      for (let i = 1; i <= 50; i++) journal.append(eventOf(i, 'x'.repeat(100)), false)?.release();
      releaseAll(taken);
      await until(() => journal.state().bytes < 2_100);
      await journal.close();
      expect(await readdir(directory)).toEqual(['x']);
    }
    await until(async () => (await descriptors()) <= before);
  });
});
