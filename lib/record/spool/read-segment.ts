import { seedOf } from './format';
import { codeOf, type SpoolFs } from './fs';
import { SegmentParser, type SegmentVisitor } from './parse';

const SLICE_BYTES = 1024 * 1024;
const STEP_BYTES = 256 * 1024;
/** Where a slice cannot be read, it is tried in pieces of this size. */
const PAGE_BYTES = 4096;

export interface SegmentFile {
  readonly path: string;
  readonly number: number;
  readonly writer: string;
  readonly key: number;
}

export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** Zeros stand for what the disk does not give back: no record has them. */
async function readPages(fs: SpoolFs, fd: number, into: Buffer, position: number): Promise<number> {
  for (let at = 0; at < into.length; at += PAGE_BYTES) {
    const length = Math.min(PAGE_BYTES, into.length - at);
    try {
      if ((await fs.read(fd, into, at, length, position + at)) < length) return at;
    } catch (error) {
      if (codeOf(error) !== 'EIO') throw error;
      into.fill(0, at, at + length);
    }
  }
  return into.length;
}

async function readSlice(
  fs: SpoolFs,
  fd: number,
  into: Buffer,
  position: number,
  mayGiveUp: boolean,
): Promise<number> {
  try {
    return await fs.read(fd, into, 0, into.length, position);
  } catch (error) {
    if (codeOf(error) !== 'EIO' || !mayGiveUp) throw error;
    return readPages(fs, fd, into, position);
  }
}

async function fill(fs: SpoolFs, fd: number, bytes: Buffer, mayGiveUp: boolean): Promise<Buffer> {
  let length = 0;
  while (length < bytes.length) {
    const slice = bytes.subarray(length, length + SLICE_BYTES);
    const count = await readSlice(fs, fd, slice, length, mayGiveUp);
    if (count === 0) break;
    length += count;
  }
  return bytes.subarray(0, length);
}

/** Part of a file, in slices. @throws what the disk says, but for EIO */
export async function readPart(fs: SpoolFs, path: string, position: number, length: number): Promise<Buffer> {
  const fd = await fs.open(path, 'r');
  try {
    const bytes = Buffer.allocUnsafeSlow(length);
    return bytes.subarray(0, await readSlice(fs, fd, bytes, position, true));
  } finally {
    await fs.close(fd).catch(() => {});
  }
}

/** A whole file, in slices. @throws what the disk says, but for EIO of who may give up what cannot be read */
export async function readSegment(fs: SpoolFs, path: string, mayGiveUp = true): Promise<Buffer> {
  const fd = await fs.open(path, 'r');
  try {
    const { size } = await fs.stat(path);
    return await fill(fs, fd, Buffer.allocUnsafeSlow(size), mayGiveUp);
  } finally {
    await fs.close(fd).catch(() => {});
  }
}

/** Visits what a segment consists of, a part of it in each turn of the event loop. */
export async function walkSegment(bytes: Buffer, file: SegmentFile, visitor: SegmentVisitor): Promise<void> {
  const parser = new SegmentParser(bytes, seedOf(file.key, file.number), visitor, file);
  while (!parser.step(STEP_BYTES)) await nextTurn();
}
