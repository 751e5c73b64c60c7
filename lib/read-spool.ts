import { type KeptEvent, readBytes } from './mongo/read-bytes';
import { type InspectedProcess, type InspectedSegment, inspectSpool } from './record/spool/inspect';

export type { KeptEvent };

/** An event in a file of a spool. */
export interface SpooledEvent {
  /** `open`: its end is not known, so that its outcome is `unknown`. */
  readonly state: 'whole' | 'open' | 'completed';
  readonly event: KeptEvent;
}

/** What one process keeps in a spool. */
export interface SpooledProcess {
  /** UUID of the process that recorded it. */
  readonly writer: string;
  /** UUID of the process that looks after it: its writer, or whoever adopted it. */
  readonly owner: string;
  /** Whether the owner lives; null where that cannot be told from this machine. */
  readonly isAlive: boolean | null;
  readonly hostname: string | null;
  readonly segments: readonly InspectedSegment[];
  /** File by file; what is stored already is among them until its file is deleted. */
  events(): AsyncIterable<SpooledEvent>;
}

async function* eventsOf(process: InspectedProcess): AsyncIterable<SpooledEvent> {
  for await (const { state, event } of process.events()) yield { state, event: readBytes(event) };
}

/**
 * Says what the directory of a spool holds, for tests and for support: the files of living processes too. Nothing is
 * changed.
 *
 * @throws {Error} what the disk says
 */
export async function readSpool(directory: string): Promise<readonly SpooledProcess[]> {
  const processes = await inspectSpool(directory);
  return processes.map((one) => ({
    writer: one.writer,
    owner: one.owner,
    isAlive: one.isAlive,
    hostname: one.host?.hostname ?? null,
    segments: one.segments,
    events: () => eventsOf(one),
  }));
}
