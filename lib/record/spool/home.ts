import { join } from 'node:path';
import { codeOf, type FileId, type Listener, type SpoolFs } from './fs';
import { directoryName, encodeHost, HOST_FILE, type Host, socketPath } from './host';

export interface HomeOptions {
  readonly fs: SpoolFs;
  /** Of all processes. */
  readonly directory: string;
  readonly host: Host;
}

/** The directory of this process, and the socket that shows that it lives. */
export class Home {
  readonly path: string;
  private readonly socket: string;
  private listener: Listener | null = null;
  private listening: FileId | null = null;
  private made: FileId | null = null;

  constructor(private readonly options: HomeOptions) {
    const { directory, host } = options;
    this.path = join(directory, directoryName(host.writer, host.writer));
    this.socket = socketPath(directory, host.writer);
  }

  /** Makes what is not there. @throws what the disk says */
  open(): void {
    const { fs, directory } = this.options;
    fs.mkdirSync(directory, { recursive: true, mode: 0o700 });
    // first: a directory of somebody who does not listen is anybody's
    if (!this.isSame(this.socket, this.listening)) this.listen();
    if (!this.isSame(this.path, this.made)) this.make();
  }

  /** Whether somebody took away what was made, which is to be found out before it is written to. */
  isGone(): boolean {
    return !this.isSame(this.path, this.made) || !this.isSame(this.socket, this.listening);
  }

  /** Shows its owner as dead; deletes the directory when there is nothing in it. */
  async close(isEmpty: boolean): Promise<void> {
    const { fs } = this.options;
    if (isEmpty && this.made !== null) {
      await fs.unlink(join(this.path, HOST_FILE)).catch(() => {});
      await fs.rmdir(this.path).catch(() => {});
    }
    this.listener?.close();
    this.listener = null;
  }

  private isSame(path: string, known: FileId | null): boolean {
    if (known === null) return false;
    try {
      const { dev, ino } = this.options.fs.statSync(path);
      return dev === known.dev && ino === known.ino;
    } catch (error) {
      if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return false;
      throw error;
    }
  }

  private listen(): void {
    const { fs } = this.options;
    // closing deletes what is at its path
    this.listener?.close();
    this.listener = null;
    this.listener = fs.listen(this.socket);
    this.listening = fs.statSync(this.socket);
  }

  /** Under another name until it says whose it is. */
  private make(): void {
    const { fs, host } = this.options;
    const unfinished = `${this.path}.new`;
    fs.mkdirSync(unfinished, { recursive: true, mode: 0o700 });
    const fd = fs.openSync(join(unfinished, HOST_FILE), 'w', 0o600);
    try {
      const bytes = encodeHost(host);
      fs.writeSync(fd, bytes, 0, bytes.length, 0);
      fs.fsyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
    try {
      fs.renameSync(unfinished, this.path);
    } catch (error) {
      // what was taken away has been put back as a copy: it serves as well
      if (codeOf(error) !== 'ENOTEMPTY' && codeOf(error) !== 'EEXIST') throw error;
    }
    this.made = fs.statSync(this.path);
  }
}
