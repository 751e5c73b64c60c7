import * as fs from 'node:fs';
import { connect, createServer } from 'node:net';

export interface FileId {
  readonly dev: number;
  readonly ino: number;
  readonly size: number;
  readonly mtimeMs: number;
}

/** A socket held open, which shows that its owner lives. */
export interface Listener {
  close(): void;
}

/** All that a spool asks of a disk. What fails throws or rejects with an error that has a `code`. */
export interface SpoolFs {
  openSync(path: string, flags: string, mode: number): number;
  /** @returns how much was written, which may be less than asked */
  writeSync(fd: number, buffer: Buffer, offset: number, length: number, position: number): number;
  ftruncateSync(fd: number, length: number): void;
  closeSync(fd: number): void;
  unlinkSync(path: string): void;
  mkdirSync(path: string, options: { readonly recursive: boolean; readonly mode: number }): void;
  renameSync(from: string, to: string): void;
  fsyncSync(fd: number): void;
  statSync(path: string): FileId;
  freeBytesSync(path: string): number;

  open(path: string, flags: string, mode?: number): Promise<number>;
  read(fd: number, buffer: Buffer, offset: number, length: number, position: number): Promise<number>;
  close(fd: number): Promise<void>;
  fdatasync(fd: number): Promise<void>;
  fsync(fd: number): Promise<void>;
  stat(path: string): Promise<FileId>;
  freeBytes(path: string): Promise<number>;
  readdir(path: string): Promise<string[]>;
  rename(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  rmdir(path: string): Promise<void>;
  mkdir(path: string, mode: number): Promise<void>;
  readFile(path: string): Promise<Buffer>;
  writeFile(path: string, data: Buffer, mode: number): Promise<void>;

  listen(path: string): Listener;
  /** Whether somebody holds the socket; null when that cannot be told. */
  isListening(path: string): Promise<boolean | null>;
}

export function codeOf(error: unknown): string {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : 'unknown';
}

function listen(path: string): Listener {
  const server = createServer((socket) => socket.destroy());
  server.on('error', () => {});
  // exclusive: in a worker of a cluster too, the socket is this process's own, and is bound at once
  server.listen({ path, exclusive: true }).unref();
  if (!server.listening) throw Object.assign(new Error('cannot listen'), { code: 'ELISTEN' });
  return { close: () => void server.close() };
}

function isListening(path: string): Promise<boolean | null> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    const end = (answer: boolean | null): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.unref();
    socket.once('connect', () => end(true));
    socket.on('error', (error) => {
      const code = codeOf(error);
      // EAGAIN: too many knock at once at one who is busy
      if (code === 'EAGAIN') end(true);
      else end(code === 'ECONNREFUSED' || code === 'ENOENT' ? false : null);
    });
  });
}

function read(fd: number, buffer: Buffer, offset: number, length: number, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.read(fd, buffer, offset, length, position, (error, count) =>
      error === null ? resolve(count) : reject(error),
    );
  });
}

function settle(call: (done: (error: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    call((error) => (error === null ? resolve() : reject(error)));
  });
}

const room = ({ bavail, bsize }: { bavail: number; bsize: number }): number => bavail * bsize;

export const NODE_FS: SpoolFs = {
  openSync: fs.openSync,
  writeSync: fs.writeSync,
  ftruncateSync: fs.ftruncateSync,
  closeSync: fs.closeSync,
  unlinkSync: fs.unlinkSync,
  mkdirSync: fs.mkdirSync,
  renameSync: fs.renameSync,
  fsyncSync: fs.fsyncSync,
  statSync: (path) => fs.statSync(path),
  freeBytesSync: (path) => room(fs.statfsSync(path)),

  open: (path, flags, mode) =>
    new Promise((resolve, reject) => {
      fs.open(path, flags, mode, (error, fd) => (error === null ? resolve(fd) : reject(error)));
    }),
  read,
  close: (fd) => settle((done) => fs.close(fd, (error) => done(error ?? null))),
  fdatasync: (fd) => settle((done) => fs.fdatasync(fd, done)),
  fsync: (fd) => settle((done) => fs.fsync(fd, done)),
  stat: (path) => fs.promises.stat(path),
  freeBytes: async (path) => room(await fs.promises.statfs(path)),
  readdir: (path) => fs.promises.readdir(path),
  rename: fs.promises.rename,
  unlink: fs.promises.unlink,
  rmdir: (path) => fs.promises.rmdir(path),
  mkdir: async (path, mode) => {
    await fs.promises.mkdir(path, { mode });
  },
  readFile: (path) => fs.promises.readFile(path),
  writeFile: (path, data, mode) => fs.promises.writeFile(path, data, { mode }),

  listen,
  isListening,
};
