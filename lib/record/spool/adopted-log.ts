import { join } from 'node:path';
import type { AdoptedSegment } from './adopted-segment';
import type { SpoolFs } from './fs';
import { HOST_FILE } from './host';
import { Remover } from './remover';

/** What a dead process left: deleted as it is released, and its directory in the end. */
export class AdoptedLog {
  private readonly remover: Remover<AdoptedSegment>;
  private isGone = false;
  private ending: Promise<void> | null = null;

  constructor(
    private readonly fs: SpoolFs,
    private readonly path: string,
    readonly segments: AdoptedSegment[],
    private readonly onRemoved: () => void,
    onFailed: () => void,
  ) {
    this.remover = new Remover(fs, segments, onRemoved, onFailed);
  }

  get isEmpty(): boolean {
    return this.isGone;
  }

  /** Whether `removeSettled` has something to do. */
  get hasSettled(): boolean {
    return this.segments.length === 0 || this.remover.hasSettled;
  }

  get bytes(): number {
    return this.segments.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** MUST NOT reject. */
  async removeSettled(): Promise<void> {
    await this.remover.removeSettled();
    if (this.segments.length > 0) return;
    this.ending ??= this.removeDirectory();
    await this.ending;
  }

  private async removeDirectory(): Promise<void> {
    await this.fs.unlink(join(this.path, HOST_FILE)).catch(() => {});
    await this.fs.rmdir(this.path).catch(() => {});
    this.isGone = true;
    this.onRemoved();
  }
}
