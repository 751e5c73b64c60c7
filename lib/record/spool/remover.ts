import { codeOf, type SpoolFs } from './fs';
import type { GivingSegment } from './segment';

/**
 * Deletes what is settled, from the oldest segment on and one after the other: so that a segment missing between two
 * others was lost, and what a later record took the place of never comes back.
 */
export class Remover<Segment extends GivingSegment> {
  private running: Promise<void> | null = null;

  constructor(
    private readonly fs: SpoolFs,
    private readonly segments: Segment[],
    private readonly onRemoved: (segment: Segment) => void,
    /** A file cannot be deleted: call `removeSettled` again in a while. */
    private readonly onFailed: () => void,
  ) {}

  get hasSettled(): boolean {
    return this.settled() !== null;
  }

  /** MUST NOT reject. */
  async removeSettled(): Promise<void> {
    this.running ??= this.settled() === null ? null : this.run();
    await this.running;
  }

  private async run(): Promise<void> {
    for (let next = this.settled(); next !== null; next = this.settled()) {
      try {
        await this.fs.unlink(next.path);
      } catch (error) {
        if (codeOf(error) !== 'ENOENT') {
          this.onFailed();
          break;
        }
      }
      if (this.segments[0] === next) this.segments.shift();
      this.onRemoved(next);
    }
    this.running = null;
  }

  private settled(): Segment | null {
    const [oldest] = this.segments;
    return oldest?.isSealed && oldest.live === 0 ? oldest : null;
  }
}
