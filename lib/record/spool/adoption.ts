import { join } from 'node:path';
import { AuditError, type Reporter } from '../../errors';
import { AdoptedLog } from './adopted-log';
import { VERSION } from './format';
import { codeOf, type SpoolFs } from './fs';
import {
  type DirectoryName,
  decodeHost,
  directoryName,
  encodeHost,
  HOST_FILE,
  type Host,
  isSameMachine,
  parseDirectoryName,
  socketPath,
} from './host';
import { type Damage, recover } from './recover';

export interface AdoptionOptions {
  readonly fs: SpoolFs;
  readonly directory: string;
  readonly host: Host;
  readonly reporter: Reporter;
  readonly everyMs: number;
  onAdopted(log: AdoptedLog): void;
  onRemoved(): void;
  /** A file could not be deleted. */
  onNotRemoved(): void;
}

const CORRUPT_DIRECTORY = 'corrupt';
/** A socket that nobody holds may be one that is about to be listened to. */
const OLD_SOCKET_MS = 60_000;

/** Looks for what dead processes left, and makes it this process's own. */
export class Adoption {
  private readonly told = new Set<string>();
  private timer: NodeJS.Timeout | null = null;
  private running: Promise<void> | null = null;
  private isStopped = false;
  /** Adopted, but not read through yet. */
  private readonly unread: string[] = [];

  constructor(private readonly options: AdoptionOptions) {}

  start(): void {
    if (this.timer !== null || this.isStopped) return;
    this.timer = setInterval(() => this.look(), this.options.everyMs).unref();
    this.look();
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    if (this.timer !== null) clearInterval(this.timer);
    await this.running;
  }

  private look(): void {
    this.running ??= this.scan()
      .catch((error: unknown) => this.fail('Looking through', error))
      .finally(() => {
        this.running = null;
      });
  }

  private async scan(): Promise<void> {
    const { fs, directory, host } = this.options;
    const names = await fs.readdir(directory);
    for (const name of names.map(parseDirectoryName)) {
      if (this.isStopped) return;
      if (name !== null && name.owner !== host.writer) await this.consider(name);
    }
    for (const writer of this.unread.splice(0)) await this.read(writer);
    for (const name of names) if (name.endsWith('.sock')) await this.sweep(join(directory, name));
  }

  private async consider(name: DirectoryName): Promise<void> {
    const { fs, directory } = this.options;
    const path = join(directory, name.name);
    const socket = socketPath(directory, name.owner);
    if ((await fs.isListening(socket)) !== false) return;
    const host = await this.readHost(path);
    if (!this.isOurs(name, host)) return;
    if (name.isUnfinished) {
      await fs.unlink(join(path, HOST_FILE)).catch(() => {});
      await fs.rmdir(path).catch(() => {});
      return;
    }
    if (!(await this.take(name, host))) return;
    await fs.unlink(socket).catch(() => {});
    this.unread.push(name.writer);
  }

  /** Whether it is for this process to adopt: it comes from this machine, and its format is known. */
  private isOurs({ name }: DirectoryName, host: Host | null): boolean {
    if (host === null) return true;
    if (isSameMachine(host, this.options.host) && host.version === VERSION) return true;
    if (this.told.has(name)) return false;
    this.told.add(name);
    const what =
      host.version === VERSION
        ? `comes from another host (${host.hostname.slice(0, 100)}) and is left to that: if it is no more, move it to a spool directory there`
        : `has format ${host.version}, which this version does not know: start the version that wrote it`;
    this.report('AUDIT_SPOOL_FOREIGN', `The spool directory ${name} in ${this.options.directory} ${what}.`);
    return false;
  }

  /** @returns false when another process was first */
  private async take({ name, writer }: DirectoryName, host: Host | null): Promise<boolean> {
    const { fs, directory, host: own } = this.options;
    const path = join(directory, directoryName(writer, own.writer));
    try {
      await fs.rename(join(directory, name), path);
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') this.fail('Adopting from', error);
      return false;
    }
    // on which machine its owner is now
    const { hostname, bootId } = own;
    const now = encodeHost({ ...(host ?? { ...own, writer, key: 0 }), hostname, bootId });
    try {
      await fs.writeFile(join(path, `${HOST_FILE}.new`), now, 0o600);
      await fs.rename(join(path, `${HOST_FILE}.new`), join(path, HOST_FILE));
    } catch {
      // it is told by the socket as long as this process lives
    }
    return true;
  }

  private async read(writer: string): Promise<void> {
    const { fs, directory, host, onRemoved, onNotRemoved, onAdopted } = this.options;
    const path = join(directory, directoryName(writer, host.writer));
    try {
      const key = (await this.readHost(path))?.key ?? null;
      const onDamage = (damage: Damage): Promise<void> => this.keepAside(damage);
      const segments = await recover({ fs, path, writer, key, onDamage });
      onAdopted(new AdoptedLog(fs, path, segments, onRemoved, onNotRemoved));
    } catch (error) {
      // the next look tries again
      this.unread.push(writer);
      this.fail('Reading', error);
    }
  }

  private async readHost(path: string): Promise<Host | null> {
    try {
      return decodeHost(await this.options.fs.readFile(join(path, HOST_FILE)));
    } catch {
      return null;
    }
  }

  private async keepAside({ writer, number, at, bytes }: Damage): Promise<void> {
    const { fs, directory } = this.options;
    const aside = join(directory, CORRUPT_DIRECTORY);
    const name = `${writer}-${number}-${at}.bin`;
    this.report(
      'AUDIT_SPOOL_CORRUPT',
      `${bytes.length} bytes of the spool in ${directory} are damaged: they are kept as ${CORRUPT_DIRECTORY}/${name}, and a gap names the events that are missing.`,
    );
    try {
      await fs.mkdir(aside, 0o700).catch(() => {});
      await fs.writeFile(join(aside, name), bytes, 0o600);
    } catch (error) {
      this.fail('Keeping a copy beside', error);
    }
  }

  /** Deletes a socket that its dead owner left without a directory. */
  private async sweep(path: string): Promise<void> {
    const { fs } = this.options;
    try {
      const { mtimeMs } = await fs.stat(path);
      if (Date.now() - mtimeMs > OLD_SOCKET_MS && (await fs.isListening(path)) === false)
        await fs.unlink(path);
    } catch {
      // another process was first
    }
  }

  private fail(doing: string, error: unknown): void {
    const { directory } = this.options;
    this.report('AUDIT_SPOOL_FAILED', `${doing} the spool in ${directory} failed (${codeOf(error)}).`);
  }

  private report(
    code: 'AUDIT_SPOOL_FAILED' | 'AUDIT_SPOOL_FOREIGN' | 'AUDIT_SPOOL_CORRUPT',
    message: string,
  ) {
    if (!this.isStopped) this.options.reporter.error(new AuditError(code, message));
  }
}
