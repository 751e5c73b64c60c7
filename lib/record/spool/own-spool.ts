import type { Reporter } from '../../errors';
import type { EventBytes, Place } from '../../journal';
import { Appender } from './appender';
import { DiskSync } from './disk-sync';
import { codeOf, type SpoolFs } from './fs';
import { Health } from './health';
import { Home } from './home';
import type { Host } from './host';
import { OwnLog } from './own-log';
import { Remover } from './remover';
import { rewriteSegment } from './rewrite-segment';
import type { OwnSegment } from './segment';
import { Syncer } from './syncer';

export interface OwnSpoolOptions {
  readonly fs: SpoolFs;
  readonly directory: string;
  readonly host: Host;
  readonly reporter: Reporter;
  readonly minFreeBytes: number;
  readonly maxBytes: number;
  readonly segmentBytes: number;
  readonly fsyncMs: number;
  readonly checkMs: number;
  /** What of the budget others use. */
  otherBytes(): number;
  onSpilled(): void;
  /** A file could not be deleted: `removeSettled` is to be called again. */
  onNotRemoved(): void;
}

/** What this process writes: its directory, its log, and how they come back when the disk fails. */
export class OwnSpool {
  readonly health: Health;
  readonly log: OwnLog;
  private readonly home: Home;
  private readonly appender: Appender;
  private readonly disk: DiskSync;
  private readonly syncer: Syncer;
  private readonly remover: Remover<OwnSegment>;
  private checkTimer: NodeJS.Timeout | null = null;
  private checking: Promise<void> | null = null;
  private isCarryScheduled = false;
  private isClosed = false;

  constructor(private readonly options: OwnSpoolOptions) {
    const { fs, directory, host, maxBytes, fsyncMs, onSpilled } = options;
    const health = new Health({ ...options, onFailed: () => this.watch() });
    this.health = health;
    // one file must not be all of the budget: it could never be deleted to make room
    const segmentBytes = Math.min(options.segmentBytes, Math.ceil(maxBytes / 2));
    this.home = new Home({ fs, directory, host });
    this.appender = new Appender({
      fs,
      directory: this.home.path,
      writer: host.writer,
      key: host.key,
      segmentBytes,
      onSegment: () => this.onSegment(),
    });
    this.log = new OwnLog({
      appender: this.appender,
      health,
      segmentBytes,
      hasRoom: (bytes) => this.hasRoom(bytes),
      onWritten: () => this.syncer.touch(),
      onSpilled,
      onSettled: () => this.removeSettled(),
    });
    this.syncer = new Syncer({ intervalMs: fsyncMs, sync: () => this.syncAll() });
    this.disk = new DiskSync({
      fs,
      directories: [this.home.path, directory],
      appender: this.appender,
      log: this.log,
      health,
    });
    const onRemoved = (segment: OwnSegment): void => this.onRemoved(segment);
    this.remover = new Remover(fs, this.appender.segments, onRemoved, options.onNotRemoved);
    this.open();
    health.lookNow();
  }

  get bytes(): number {
    return this.appender.bytes;
  }

  /** Those whose file is gone come first. */
  get segments(): readonly OwnSegment[] {
    return this.log.lost.length === 0
      ? this.appender.segments
      : [...this.log.lost, ...this.appender.segments];
  }

  append(event: EventBytes, isOpen: boolean): Place | null {
    if (this.isClosed) return null;
    this.watch();
    return this.log.append(event, isOpen);
  }

  sync(): Promise<boolean> {
    return this.syncer.sync();
  }

  /** Nothing is appended to it any more, so that it can be read once and deleted. */
  seal(segment: OwnSegment): void {
    if (segment === this.appender.activeSegment) this.appender.seal();
  }

  removeSettled(): void {
    if (this.remover.hasSettled) void this.remover.removeSettled();
  }

  async close(): Promise<void> {
    this.isClosed = true;
    if (this.checkTimer !== null) clearTimeout(this.checkTimer);
    await this.checking;
    this.log.close();
    this.appender.seal();
    await this.remover.removeSettled();
    await this.syncer.sync();
    await this.syncer.stop();
    await this.remover.removeSettled();
    for (const segment of this.appender.segments) this.appender.closeFile(segment);
    await this.home.close(this.appender.segments.length === 0);
    this.health.close();
  }

  private async syncAll(): Promise<boolean> {
    const isSafe = await this.disk.sync();
    return isSafe && (this.appender.segments.length === 0 || this.isThere());
  }

  /** What was deleted syncs as well as any other. */
  private isThere(): boolean {
    try {
      return !this.home.isGone();
    } catch {
      return false;
    }
  }

  private open(): void {
    try {
      this.home.open();
    } catch (error) {
      this.health.fail('Opening', error);
    }
  }

  private hasRoom(bytes: number): boolean {
    const { maxBytes, otherBytes } = this.options;
    // what never fits says nothing about what does
    if (bytes > maxBytes) return false;
    if (this.appender.bytes + otherBytes() + bytes <= maxBytes) return true;
    this.health.fill(true);
    // what is settled in it can be deleted then
    this.appender.seal();
    this.removeSettled();
    return false;
  }

  private onSegment(): void {
    this.disk.noteSegment();
    if (this.isCarryScheduled) return;
    this.isCarryScheduled = true;
    setImmediate(() => {
      this.log.carryOver();
      // what it began itself is no reason to carry on
      this.isCarryScheduled = false;
    });
  }

  private onRemoved(segment: OwnSegment): void {
    this.appender.forget(segment);
    this.health.fill(false);
  }

  /** Looks again in a while, as long as the spool is used or something is wrong with it. */
  private watch(): void {
    if (this.isClosed) return;
    this.checkTimer ??= setTimeout(() => {
      this.checkTimer = null;
      this.checking = this.check().finally(() => {
        this.checking = null;
      });
    }, this.options.checkMs).unref();
  }

  private async check(): Promise<void> {
    const { health } = this;
    await health.look();
    if (this.isClosed) return;
    try {
      if (this.home.isGone()) this.openAgain();
      else if (!health.isWell) await this.probe();
    } catch (error) {
      health.fail('Writing to', error);
    }
    if (health.isOverBudget) {
      this.log.carryOver();
      await this.remover.removeSettled();
      if (this.appender.segments.length === 0) health.fill(false);
    }
    if (!health.isWritable) this.watch();
  }

  /** Somebody took the directory away: what is lost by that is found out, and the rest written again. */
  private openAgain(): void {
    const { fs } = this.options;
    this.home.open();
    for (const segment of [...this.appender.segments]) {
      try {
        fs.statSync(segment.path);
      } catch (error) {
        if (codeOf(error) === 'ENOENT') this.log.lose(segment);
      }
    }
    this.appender.seal();
    this.health.heal();
    this.log.flush();
  }

  /** Begins a new segment: a descriptor that failed is not to be trusted. */
  private async probe(): Promise<void> {
    this.appender.begin();
    if (!(await this.rewrite()) || this.isClosed) return;
    this.health.heal();
    this.log.flush();
  }

  /** Writes again what may never have reached the disk. @returns false when that has to be tried again */
  private async rewrite(): Promise<boolean> {
    const { appender, log } = this;
    const doubtful = appender.segments.filter((segment) => segment.isDoubtful);
    if (doubtful.length === 0) return true;
    // a disk that syncs nothing would be filled with copies
    await this.syncer.sync();
    if (appender.activeSegment === null) return false;
    for (const segment of doubtful) {
      if (this.isClosed || !(await rewriteSegment(this.options.fs, segment, log))) return false;
    }
    return true;
  }
}
