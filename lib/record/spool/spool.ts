import { resolve } from 'node:path';
import { AuditError, AuditOptionError, type Reporter } from '../../errors';
import type { EventBytes, Journal, JournalState, Place, Taken } from '../../journal';
import type { AdoptedLog } from './adopted-log';
import { Adoption } from './adoption';
import { codeOf, NODE_FS, type SpoolFs } from './fs';
import { Giver } from './giver';
import { describeHost, socketPath } from './host';
import { OwnSpool } from './own-spool';
import { type GivingSegment, OwnSegment } from './segment';

export interface SpoolOptions {
  /** Where the directories of all processes are. */
  readonly directory: string;
  /** Size on disk, what was adopted included. */
  readonly maxBytes: number;
  /** Size of a file. */
  readonly segmentBytes: number;
  /** How long what was written may wait for the disk. */
  readonly fsyncMs: number;
  /** Nothing is written while the disk has less. */
  readonly minFreeBytes: number;
  /** UUID of this process, or of this start of it. */
  readonly writerId: string;
  readonly reporter: Reporter;
  /** Node's own when absent. */
  readonly fs?: SpoolFs;
  /** How often what is wrong is looked at again: 1000 when absent, 1 second. */
  readonly checkMs?: number;
  /** How often dead processes are looked for: 30000 when absent, 30 seconds. */
  readonly adoptMs?: number;
}

/** Longer ones are cut off silently by the system. */
const LONGEST_SOCKET_PATH = 100;

const CHECK_MS = 1_000;
const ADOPT_MS = 30_000;

/** A journal on the local disk, in a directory that other processes may share. */
class Spool implements Journal {
  private readonly own: OwnSpool;
  private readonly giver: Giver;
  private readonly adoption: Adoption;
  private readonly adopted: AdoptedLog[] = [];
  private readonly listeners: (() => void)[] = [];
  private adoptedBytes = 0;
  private adoptedEvents = 0;
  private taking: Promise<unknown> = Promise.resolve();
  private isNoteScheduled = false;
  private removalTimer: NodeJS.Timeout | null = null;
  private closing: Promise<void> | null = null;

  constructor(private readonly options: SpoolOptions) {
    const { fs = NODE_FS, directory, reporter, checkMs = CHECK_MS } = options;
    const host = describeHost(options.writerId);
    this.own = new OwnSpool({
      ...options,
      fs,
      host,
      checkMs,
      otherBytes: () => this.adoptedBytes,
      onSpilled: () => this.noteBacklog(),
      onNotRemoved: () => this.removeLater(),
    });
    this.giver = new Giver({
      fs,
      next: () => this.nextSegment(),
      pendingTail: (segment, sequence) =>
        segment.writer === host.writer ? this.own.log.pendingTail(sequence) : null,
      onReleased: () => this.removeSettled(),
      onFailure: (error) => this.onReadFailure(error),
    });
    this.adoption = new Adoption({
      fs,
      directory,
      host,
      reporter,
      everyMs: options.adoptMs ?? ADOPT_MS,
      onAdopted: (log) => this.onAdopted(log),
      onRemoved: () => this.onAdoptedRemoved(),
      onNotRemoved: () => this.removeLater(),
    });
  }

  append(event: EventBytes, isOpen: boolean): Place | null {
    return this.own.append(event, isOpen);
  }

  sync(): Promise<boolean> {
    return this.own.sync();
  }

  take(maxEvents: number, maxBytes: number): Promise<readonly Taken[]> {
    const taken = this.taking.then(() => {
      if (this.closing !== null) return [];
      this.own.log.flush();
      return this.giver.take(maxEvents, maxBytes);
    });
    this.taking = taken;
    return taken;
  }

  onBacklog(listener: () => void): void {
    this.listeners.push(listener);
  }

  get isWritable(): boolean {
    return this.own.health.isWritable;
  }

  state(): JournalState {
    let backlog = this.giver.onTheWay;
    let oldest: number | null = null;
    for (const segment of this.segments()) {
      if (segment.backlog === 0) continue;
      backlog += segment.backlog;
      if (segment.oldest !== null && (oldest === null || segment.oldest < oldest)) oldest = segment.oldest;
    }
    const bytes = this.own.bytes + this.adoptedBytes;
    return { isWritable: this.isWritable, bytes, backlog, adopted: this.adoptedEvents, oldest };
  }

  start(): void {
    this.adoption.start();
  }

  close(): Promise<void> {
    this.closing ??= this.end();
    return this.closing;
  }

  private async end(): Promise<void> {
    if (this.removalTimer !== null) clearTimeout(this.removalTimer);
    await this.adoption.stop();
    await this.taking;
    for (const log of this.adopted) await log.removeSettled();
    await this.own.close();
  }

  /** Oldest first: what dead processes left came before. */
  private *segments(): Iterable<GivingSegment> {
    for (const log of this.adopted) yield* log.segments;
    yield* this.own.segments;
  }

  private nextSegment(): GivingSegment | null {
    for (const segment of this.segments()) {
      if (segment.backlog === 0) continue;
      if (segment instanceof OwnSegment) this.own.seal(segment);
      return segment;
    }
    return null;
  }

  private removeSettled(): void {
    this.own.removeSettled();
    for (const log of this.adopted) if (log.hasSettled) void log.removeSettled();
  }

  private removeLater(): void {
    if (this.closing !== null) return;
    this.removalTimer ??= setTimeout(() => {
      this.removalTimer = null;
      this.removeSettled();
    }, this.options.checkMs ?? CHECK_MS).unref();
  }

  private onAdopted(log: AdoptedLog): void {
    this.adopted.push(log);
    this.adoptedEvents += log.segments.reduce((sum, { backlog }) => sum + backlog, 0);
    this.onAdoptedRemoved();
    void log.removeSettled();
    if (log.segments.some(({ backlog }) => backlog > 0)) this.noteBacklog();
  }

  private onAdoptedRemoved(): void {
    const left = this.adopted.filter(({ isEmpty }) => !isEmpty);
    this.adopted.splice(0, this.adopted.length, ...left);
    this.adoptedBytes = left.reduce((sum, { bytes }) => sum + bytes, 0);
    this.own.health.fill(false);
  }

  /** Once a turn: many are spilled in one. */
  private noteBacklog(): void {
    if (this.isNoteScheduled) return;
    this.isNoteScheduled = true;
    setImmediate(() => {
      this.isNoteScheduled = false;
      if (this.closing === null) for (const listener of this.listeners) listener();
    });
  }

  /** It is offered again in a while: the disk may come back. */
  private onReadFailure(error: unknown): void {
    const { directory, reporter, checkMs = CHECK_MS } = this.options;
    const message = `Reading the spool in ${directory} failed (${codeOf(error)}): it is tried again every second.`;
    reporter.error(new AuditError('AUDIT_SPOOL_FAILED', message));
    setTimeout(() => this.noteBacklog(), checkMs).unref();
  }
}

/** @throws AuditOptionError when the directory's path is too long */
export function createSpool(options: SpoolOptions): Journal {
  const directory = resolve(options.directory);
  const length = Buffer.byteLength(socketPath(directory, options.writerId));
  if (length > LONGEST_SOCKET_PATH) {
    const most = Buffer.byteLength(directory) - (length - LONGEST_SOCKET_PATH);
    throw new AuditOptionError(
      'AUDIT_INVALID_OPTION',
      `Option spool.directory must have at most ${most} bytes, since a socket is held in it; received ${Buffer.byteLength(directory)} bytes (${directory}): choose a shorter path.`,
    );
  }
  return new Spool({ ...options, directory });
}
