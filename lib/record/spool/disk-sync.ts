import type { Appender } from './appender';
import type { SpoolFs } from './fs';
import type { Health } from './health';
import type { OwnLog } from './own-log';
import type { OwnSegment } from './segment';

export interface DiskSyncOptions {
  readonly fs: SpoolFs;
  /** In which names must be safe: the process's own, and that of all. */
  readonly directories: readonly string[];
  readonly appender: Appender;
  readonly log: OwnLog;
  readonly health: Health;
}

/** Brings to the disk for good what was written to it. */
export class DiskSync {
  private hasNewNames = false;

  constructor(private readonly options: DiskSyncOptions) {}

  /** A segment was begun: its name is not on the disk yet. */
  noteSegment(): void {
    this.hasNewNames = true;
  }

  /** Whether all that was written before is safe. One call after the other. MUST NOT reject. */
  async sync(): Promise<boolean> {
    const { appender, log } = this.options;
    const isWritten = log.flush();
    const areNamesSafe = await this.syncNames();
    for (const segment of [...appender.segments]) {
      if (segment.isDirty) await this.syncSegment(segment);
    }
    // what was written to one that failed is not safe before it is elsewhere
    const isDoubtful = appender.segments.some((segment) => segment.isDoubtful);
    return isWritten && areNamesSafe && !isDoubtful;
  }

  private async syncNames(): Promise<boolean> {
    const { fs, directories, health } = this.options;
    if (!this.hasNewNames) return true;
    this.hasNewNames = false;
    try {
      for (const path of directories) {
        const fd = await fs.open(path, 'r');
        await fs.fsync(fd).finally(() => fs.close(fd));
      }
      return true;
    } catch (error) {
      this.hasNewNames = true;
      health.fail('Syncing', error);
      return false;
    }
  }

  private async syncSegment(segment: OwnSegment): Promise<void> {
    const { fs, appender, log, health } = this.options;
    const fd = segment.descriptor;
    segment.isDirty = false;
    if (fd === null) return;
    segment.isSyncing = true;
    try {
      await fs.fdatasync(fd);
    } catch (error) {
      // the system forgets what it could not write: a second try would say that all is well
      segment.hasFailedSync = true;
      log.distrust(segment);
      if (segment === appender.activeSegment) appender.seal();
      health.fail('Syncing', error);
    }
    segment.isSyncing = false;
    if (segment.isSealed && !segment.isDirty) appender.closeFile(segment);
  }
}
