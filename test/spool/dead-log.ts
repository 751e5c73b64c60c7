import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Taken } from '../../lib/journal';
import { NODE_FS, type SpoolFs } from '../../lib/record/spool/fs';
import { Giver } from '../../lib/record/spool/giver';
import { decodeHost, HOST_FILE } from '../../lib/record/spool/host';
import { type Damage, recover } from '../../lib/record/spool/recover';
import type { TestSpool } from './spool-parts';
import { crash, errorOf, makeDirectory, startSpool } from './spool-parts';

/** The files that a dead process left, to be damaged again and again. */
export interface DeadLog {
  readonly writer: string;
  readonly files: ReadonlyMap<string, Buffer>;
}

export const SEGMENTS = ['00000001.seg', '00000002.seg', '00000003.seg'] as const;

/** What is left of a process that has written, and was killed then. */
export async function leave(write: (spool: TestSpool) => unknown, segmentBytes?: number): Promise<DeadLog> {
  const directory = await makeDirectory();
  const spool = startSpool(directory, segmentBytes === undefined ? {} : { segmentBytes });
  await write(spool);
  await spool.journal.sync();
  await crash(spool);
  const path = join(directory, `${spool.writer}.${spool.writer}`);
  const files = new Map<string, Buffer>();
  for (const name of (await readdir(path)).sort()) files.set(name, await readFile(join(path, name)));
  return { writer: spool.writer, files };
}

/** Puts a log into a spool directory as its process left it. Null deletes a file. */
export async function put(
  directory: string,
  log: DeadLog,
  changed: Readonly<Record<string, Buffer | null>> = {},
): Promise<string> {
  const path = join(directory, `${log.writer}.${log.writer}`);
  await mkdir(path, { recursive: true });
  for (const [name, bytes] of changedFiles(log, changed)) await writeFile(join(path, name), bytes);
  return path;
}

function changedFiles(
  { files }: DeadLog,
  changed: Readonly<Record<string, Buffer | null>>,
): [string, Buffer][] {
  const all = Object.entries({ ...Object.fromEntries(files), ...changed });
  return all.flatMap(([name, bytes]) => (bytes === null ? [] : [[name, bytes]]));
}

/** Enough of a file system to read a log, without a disk. */
function createMemoryFs(files: ReadonlyMap<string, Buffer>): SpoolFs {
  const opened: Buffer[] = [];
  const fileAt = (path: string): Buffer => {
    const bytes = files.get(basename(path));
    if (bytes === undefined) throw errorOf('ENOENT');
    return bytes;
  };
  return {
    ...NODE_FS,
    readdir: async () => [...files.keys()],
    open: async (path) => opened.push(fileAt(path)) - 1,
    stat: async (path) => ({ dev: 0, ino: 0, mtimeMs: 0, size: fileAt(path).length }),
    read: async (fd, buffer, offset, length, position) =>
      opened[fd]?.copy(buffer, offset, position, position + length) ?? 0,
    close: async () => {},
  };
}

/** What is given of a log, and which bytes of it are no record. */
export async function readLeft(log: DeadLog, changed: Readonly<Record<string, Buffer | null>> = {}) {
  const damages: Damage[] = [];
  const files = new Map(changedFiles(log, changed));
  const fs = createMemoryFs(files);
  const segments = await recover({
    fs,
    path: '',
    writer: log.writer,
    key: decodeHost(files.get(HOST_FILE) ?? Buffer.alloc(0))?.key ?? null,
    onDamage: async (damage) => void damages.push(damage),
  });
  const giver = new Giver({
    fs,
    next: () => segments.find(({ backlog }) => backlog > 0) ?? null,
    pendingTail: () => null,
    onReleased() {},
    onFailure(error) {
      throw error;
    },
  });
  const taken: Taken[] = [];
  for (let some = await giver.take(2, 1e6); some.length > 0; some = await giver.take(2, 1e6))
    taken.push(...some);
  if (segments.some(({ backlog }) => backlog > 0)) throw new Error('something was counted and not given');
  return { taken, damages };
}

/** All one-bit neighbours, with where the bit is. */
export function* flips(bytes: Buffer): Iterable<{ at: number; flipped: Buffer }> {
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const flipped = Buffer.from(bytes);
    flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
    yield { at: bit >> 3, flipped };
  }
}
