import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Place } from '../../lib/journal';
import { HEADER_BYTES } from '../../lib/record/spool/format';
import { NODE_FS } from '../../lib/record/spool/fs';
import { SEGMENTS } from './dead-log';
import {
  adoptAll,
  crash,
  endSpools,
  errorOf,
  eventOf,
  lossesIn,
  makeDirectory,
  releaseAll,
  sequencesOf,
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

/** Appends until it is refused. */
function fillUp({ journal }: TestSpool, from: number, size = 1_000): Place[] {
  const places: Place[] = [];
  for (let sequence = from; ; sequence++) {
    const place = journal.append(eventOf(sequence, 'x'.repeat(size)), false);
    if (place === null) return places;
    places.push(place);
  }
}

const isWritable =
  ({ journal }: TestSpool) =>
  (): boolean =>
    journal.state().isWritable;

describe('a disk that fails', () => {
  it.each(['EIO', 'ENOSPC', 'EROFS', 'EACCES', 'EDQUOT'])(
    'by %s refuses events, says so once, and takes them again by itself',
    async (code) => {
      const spool = startSpool(directory);
      spool.journal.append(eventOf(1), false);
      spool.fs.fault = (name) => (name === 'writeSync' || name === 'openSync' ? errorOf(code) : null);
      expect(spool.journal.append(eventOf(2), false)).toBeNull();
      expect(spool.journal.state().isWritable).toBe(false);
      expect(spool.journal.append(eventOf(3), false)).toBeNull();
      expect(spool.errors).toMatchObject([
        { code: 'AUDIT_SPOOL_FAILED', message: expect.stringContaining(code) },
      ]);
      spool.fs.fault = null;
      await until(isWritable(spool));
      expect(spool.journal.append(eventOf(4), false)).not.toBeNull();
      await crash(spool);
      const { taken, errors } = await adoptAll(directory);
      expect(sequencesOf(taken)).toEqual([1, 4]);
      expect([lossesIn(taken), errors]).toEqual([[], []]);
    },
  );

  it('in the middle of a record leaves nothing of it behind', async () => {
    const spool = startSpool(directory);
    spool.journal.append(eventOf(1), false);
    let isFirst = true;
    spool.fs.fault = (name, args) => {
      if (name !== 'writeSync') return null;
      if (!isFirst) return errorOf('ENOSPC');
      isFirst = false;
      const [fd, bytes, offset, , position] = args as [number, Buffer, number, number, number];
      NODE_FS.writeSync(fd, bytes, offset, 10, position);
      return errorOf('ENOSPC');
    };
    const { bytes } = spool.journal.state();
    expect(spool.journal.append(eventOf(2), false)).toBeNull();
    expect(spool.journal.state().bytes).toBe(bytes);
    spool.fs.fault = null;
    await until(isWritable(spool));
    spool.journal.append(eventOf(3), false);
    await crash(spool);
    const { taken, errors } = await adoptAll(directory);
    expect([sequencesOf(taken), lossesIn(taken), errors]).toEqual([[1, 3], [], []]);
  });

  it('and does not even cut back goes on behind what is torn', async () => {
    const spool = startSpool(directory);
    spool.journal.append(eventOf(1), false);
    spool.fs.fault = (name, args) => {
      if (name === 'writeSync') {
        const [fd, bytes, offset, , position] = args as [number, Buffer, number, number, number];
        NODE_FS.writeSync(fd, bytes, offset, 10, position);
      }
      return name === 'writeSync' || name === 'ftruncateSync' ? errorOf('EIO') : null;
    };
    expect(spool.journal.append(eventOf(2), false)).toBeNull();
    spool.fs.fault = null;
    await until(isWritable(spool));
    spool.journal.append(eventOf(3), false);
    await crash(spool);
    const { taken } = await adoptAll(directory);
    expect([sequencesOf(taken), lossesIn(taken)]).toEqual([[1, 3], []]);
  });

  it('by short writes is written to until all is there', async () => {
    const fs = startSpool(directory).fs;
    const short = Object.create(fs) as TestSpool['fs'];
    short.writeSync = (fd, bytes, offset, length, position) =>
      NODE_FS.writeSync(fd, bytes, offset, Math.min(length, 7), position);
    const spool = startSpool(directory, { fs: short });
    const places = [1, 2, 3].map((sequence) => spool.journal.append(eventOf(sequence), true));
    for (const place of places) place?.complete(Buffer.from('done'));
    await spool.journal.sync();
    await crash(spool);
    const { taken, errors } = await adoptAll(directory);
    expect([sequencesOf(taken), errors]).toEqual([[1, 2, 3], []]);
  });

  it('while a completion is written keeps it, and writes it later', async () => {
    const spool = startSpool(directory);
    const place = spool.journal.append(eventOf(1), true);
    spool.fs.fault = (name) => (name === 'writeSync' ? errorOf('ENOSPC') : null);
    place?.complete(Buffer.from('done'));
    expect(await spool.journal.sync()).toBe(false);
    spool.fs.fault = null;
    await until(isWritable(spool));
    expect(await spool.journal.sync()).toBe(true);
    await crash(spool);
    const { taken } = await adoptAll(directory);
    expect(taken.map((one) => one.kind === 'event' && one.event.body.subarray(-4).toString())).toEqual([
      'done',
    ]);
  });

  it('when it starts is tried again', async () => {
    const spool = startSpool(directory, {
      fs: Object.assign(startSpool(directory).fs, {
        fault: (name: string) => (name === 'mkdirSync' ? errorOf('EACCES') : null),
      }),
    });
    expect(spool.journal.append(eventOf(1), false)).toBeNull();
    spool.fs.fault = null;
    await until(isWritable(spool));
    expect(spool.journal.append(eventOf(2), false)).not.toBeNull();
  });
});

describe('a sync', () => {
  it('answers all who wait by one call to the disk', async () => {
    const { journal, fs } = startSpool(directory, { fsyncMs: 60_000 });
    journal.append(eventOf(1), false);
    await journal.sync();
    fs.calls.clear();
    const answers = Array.from({ length: 100 }, (_, i) => {
      journal.append(eventOf(2 + i), false);
      return journal.sync();
    });
    expect(await Promise.all(answers)).toEqual(answers.map(() => true));
    expect(fs.calls.get('fdatasync')).toBe(1);
  });

  it('that fails is not tried again on the same file: what that holds is written to another', async () => {
    const spool = startSpool(directory, { fsyncMs: 60_000 });
    const { journal, fs } = spool;
    const synced: unknown[] = [];
    const ended = journal.append(eventOf(1), true);
    journal.append(eventOf(2), true);
    journal.append(eventOf(3), false);
    journal.append(eventOf(4), false)?.spill();
    fs.fault = (name, [fd]) => {
      if (name !== 'fdatasync') return null;
      synced.push(fd);
      return errorOf('EIO');
    };
    ended?.complete(Buffer.from('done'));
    expect(await journal.sync()).toBe(false);
    expect(journal.state().isWritable).toBe(false);
    fs.fault = null;
    await until(isWritable(spool));
    // nothing was released, and all is safe again
    expect(await journal.sync()).toBe(true);
    expect(synced).toHaveLength(1);
    expect(journal.state().backlog).toBe(1);

    // the power fails: the system had never written the first segment
    await crash(spool);
    const own = join(directory, `${spool.writer}.${spool.writer}`);
    writeFileSync(join(own, SEGMENTS[0]), Buffer.alloc(HEADER_BYTES + 300));
    const { taken } = await adoptAll(directory);
    const given = new Map(
      taken.map((one) => (one.kind === 'event' ? [one.event.sequence, one.event.body] : [0, null])),
    );
    expect([...given.keys()].sort()).toEqual([1, 2, 3, 4]);
    expect(given.get(1)).toEqual(withTail(eventOf(1), 'done'));
  });

  it('that fails while a disk syncs nothing fills it with no copies', async () => {
    const spool = startSpool(directory, { fsyncMs: 60_000 });
    const { journal, fs } = spool;
    for (let i = 1; i <= 100; i++) journal.append(eventOf(i, 'x'.repeat(1_000)), false);
    const { bytes } = journal.state();
    fs.fault = (name) => (name === 'fdatasync' ? errorOf('EIO') : null);
    await journal.sync();
    await until(() => (fs.calls.get('openSync') ?? 0) > 6);
    expect(journal.state().bytes).toBeLessThan(bytes + 10_000);
    expect(await journal.sync()).toBe(false);
    fs.fault = null;
    await until(isWritable(spool));
    expect(await journal.sync()).toBe(true);
  });

  it('that fails with the end of an older event writes that again', async () => {
    const length = 40 + eventOf(1).body.length;
    const spool = startSpool(directory, { fsyncMs: 60_000, segmentBytes: HEADER_BYTES + length + 10 });
    const { journal, fs } = spool;
    const places = [1, 2].map((sequence) => journal.append(eventOf(sequence), true));
    await journal.sync();
    for (const place of places) place?.complete(Buffer.from('done'));
    places[1]?.spill();
    fs.fault = (name) => (name === 'fdatasync' ? errorOf('EIO') : null);
    expect(await journal.sync()).toBe(false);
    fs.fault = null;
    await until(isWritable(spool));
    expect(await journal.sync()).toBe(true);
    await crash(spool);
    const own = join(directory, `${spool.writer}.${spool.writer}`);
    const segments = (await readdir(own)).filter((name) => name.endsWith('.seg')).sort();
    // the first two hold one event each, and were synced
    writeFileSync(join(own, segments[2] ?? ''), Buffer.alloc(HEADER_BYTES + 10));
    const { taken } = await adoptAll(directory);
    expect(taken.map((one) => one.kind === 'event' && one.event.body.toString()).sort()).toEqual(
      [1, 2].map((sequence) => withTail(eventOf(sequence), 'done').toString()),
    );
  });

  it('happens by itself within the interval', async () => {
    const { journal, fs } = startSpool(directory);
    journal.append(eventOf(1), false);
    await until(() => (fs.calls.get('fdatasync') ?? 0) > 0);
  });
});

describe('a file that cannot be deleted', () => {
  it('is deleted when it can be, whether anything else happens or not', async () => {
    const spool = startSpool(directory, { segmentBytes: 2_000 });
    const places = Array.from({ length: 20 }, (_, i) =>
      spool.journal.append(eventOf(i + 1, 'x'.repeat(500)), false),
    );
    spool.fs.fault = (name) => (name === 'unlink' ? errorOf('EACCES') : null);
    for (const place of places) place?.release();
    const { bytes } = spool.journal.state();
    await until(() => (spool.fs.calls.get('unlink') ?? 0) > 3);
    expect(spool.journal.state().bytes).toBe(bytes);
    spool.fs.fault = null;
    await until(() => spool.journal.state().bytes < 2_000);
  });

  it('of a dead process neither', async () => {
    const dead = startSpool(directory);
    dead.journal.append(eventOf(1), false);
    await crash(dead);
    const { taken, fs, journal, writer } = await adoptAll(directory);
    fs.fault = (name) => (name === 'unlink' ? errorOf('EACCES') : null);
    releaseAll(taken);
    await until(() => (fs.calls.get('unlink') ?? 0) > 3);
    fs.fault = null;
    await until(() => journal.state().bytes === 0);
    await until(async () => !(await readdir(directory)).includes(`${dead.writer}.${writer}`));
  });

  it('since its header could not be written either makes no loss of what is deleted behind it', async () => {
    const spool = startSpool(directory, { segmentBytes: 1_000 });
    spool.fs.fault = (name) => (name === 'writeSync' || name === 'unlinkSync' ? errorOf('EIO') : null);
    expect(spool.journal.append(eventOf(1), false)).toBeNull();
    spool.fs.fault = null;
    await until(isWritable(spool));
    spool.journal.append(eventOf(2, 'x'.repeat(700)), false)?.release();
    spool.journal.append(eventOf(3, 'x'.repeat(700)), false);
    await until(() => spool.journal.state().bytes < 1_000);
    await crash(spool);
    const { taken } = await adoptAll(directory);
    expect([sequencesOf(taken), lossesIn(taken)]).toEqual([[3], []]);
  });
});

describe('a budget', () => {
  it('of spool.maxBytes refuses what is beyond it until there is room again', async () => {
    const spool = startSpool(directory, { maxBytes: 100_000, segmentBytes: 20_000 });
    const places = fillUp(spool, 1);
    expect(places.length).toBeGreaterThan(80);
    expect(spool.journal.state()).toMatchObject({ isWritable: false });
    expect(spool.journal.state().bytes).toBeLessThanOrEqual(100_000);
    expect(spool.errors).toMatchObject([{ code: 'AUDIT_SPOOL_FULL' }]);
    for (const place of places.slice(0, 30)) place.release();
    await until(isWritable(spool));
    expect(spool.journal.append(eventOf(1_000), false)).not.toBeNull();
  });

  it('is not held for ever by what is open', async () => {
    const spool = startSpool(directory, { maxBytes: 100_000, segmentBytes: 20_000 });
    const open = spool.journal.append(eventOf(1), true);
    for (let round = 0; round < 5; round++) {
      for (const place of fillUp(spool, 2 + round * 1_000)) place.release();
      await until(isWritable(spool));
    }
    open?.complete(Buffer.from('done'));
    open?.spill();
    const taken = await takeAll(spool);
    expect(taken.map((one) => one.kind === 'event' && one.event.body.subarray(-4).toString())).toEqual([
      'done',
    ]);
  });

  it('counts what was adopted', async () => {
    const dead = startSpool(directory, { segmentBytes: 20_000 });
    for (let i = 1; i <= 60; i++) dead.journal.append(eventOf(i, 'x'.repeat(1_000)), false);
    await crash(dead);
    const { journal, taken } = await adoptAll(directory, { maxBytes: 50_000, segmentBytes: 20_000 });
    expect(journal.append(eventOf(1), false)).toBeNull();
    releaseAll(taken);
    await until(() => journal.state().isWritable);
    expect(journal.append(eventOf(1), false)).not.toBeNull();
  });

  it('of spool.minFreeBytes leaves the disk to others', async () => {
    let free = 2_000;
    const fs = startSpool(directory).fs;
    const small = Object.create(fs) as TestSpool['fs'];
    Object.assign(small, { freeBytes: async () => free, freeBytesSync: () => free });
    const spool = startSpool(directory, { fs: small, minFreeBytes: 1_000 });
    expect(spool.journal.append(eventOf(1), false)).not.toBeNull();
    free = 999;
    await until(() => !spool.journal.state().isWritable);
    expect(spool.journal.append(eventOf(2), false)).toBeNull();
    expect(spool.errors).toMatchObject([{ code: 'AUDIT_SPOOL_FULL' }]);
    free = 1_000;
    await until(isWritable(spool));
    expect(spool.journal.append(eventOf(3), false)).not.toBeNull();
  });
});

describe('a directory that is taken away', () => {
  it.each(['of the process', 'of all processes'])(
    '(%s) is made again: what is open is kept, what was spilled is named as lost',
    async (which) => {
      const spool = startSpool(directory);
      const { journal, writer } = spool;
      const open = journal.append(eventOf(1), true);
      for (const sequence of [2, 3, 5]) journal.append(eventOf(sequence), false)?.spill();
      const held = journal.append(eventOf(6), false);
      const own = join(directory, `${writer}.${writer}`);
      rmSync(which === 'of all processes' ? directory : own, { recursive: true });
      await until(() => {
        // it looks only while it is used
        journal.append(eventOf(7), false)?.release();
        return existsSync(own);
      });
      held?.spill();
      open?.complete(Buffer.from('done'));
      open?.spill();
      const taken = await takeAll(spool);
      expect(sequencesOf(taken)).toContain(1);
      expect(new Set(lossesIn(taken).flat())).toEqual(new Set([2, 3, 5, 6]));
      releaseAll(taken);
      await journal.close();
      expect(await readdir(directory)).toEqual([]);
    },
  );
});
