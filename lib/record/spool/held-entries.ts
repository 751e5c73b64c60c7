import type { Entry } from './entry';
import type { OwnSegment } from './segment';

/** By segment and sequence, what is open in it or held by its owner. */
export class HeldEntries {
  private readonly bySegment = new Map<OwnSegment, Map<number, Entry>>();

  find(segment: OwnSegment, sequence: number): Entry | undefined {
    return this.bySegment.get(segment)?.get(sequence);
  }

  countIn(segment: OwnSegment): number {
    return this.bySegment.get(segment)?.size ?? 0;
  }

  /** Those that wait for their end. */
  openIn(segment: OwnSegment): Entry[] {
    const open: Entry[] = [];
    for (const entry of this.bySegment.get(segment)?.values() ?? [])
      if (entry.opened !== null) open.push(entry);
    return open;
  }

  add(segment: OwnSegment, entry: Entry): void {
    const entries = this.bySegment.get(segment);
    if (entries === undefined) this.bySegment.set(segment, new Map([[entry.sequence, entry]]));
    else entries.set(entry.sequence, entry);
  }

  /** Its owner will not ask for it. */
  drop({ segment, sequence }: Entry): void {
    if (segment === null) return;
    const entries = this.bySegment.get(segment);
    if (entries?.delete(sequence) && entries.size === 0) this.bySegment.delete(segment);
  }

  dropAll(segment: OwnSegment): void {
    this.bySegment.delete(segment);
  }
}
