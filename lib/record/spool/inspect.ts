import { join, resolve } from 'node:path';
import type { EventBytes } from '../../journal';
import type { AdoptedSegment } from './adopted-segment';
import { KIND } from './format';
import { NODE_FS, type SpoolFs } from './fs';
import { decodeHost, HOST_FILE, type Host, parseDirectoryName, segmentName, socketPath } from './host';
import { itemsOf, type ReadEvent, readItem } from './items';
import { readSegment, walkSegment } from './read-segment';
import { recover } from './recover';

export interface InspectedSegment {
  readonly name: string;
  readonly bytes: number;
  readonly records: number;
  /** In its middle, that are no record. */
  readonly corruptBytes: number;
  /** At the end of the last segment, where a crash may have cut one. */
  readonly tornBytes: number;
}

export interface InspectedEvent {
  readonly event: EventBytes;
  /** Open: its completion was not written, or is gone. */
  readonly state: 'whole' | 'open' | 'completed';
}

export interface InspectedProcess {
  readonly writer: string;
  readonly owner: string;
  /** Null where that cannot be told from here. */
  readonly isAlive: boolean | null;
  /** Null when what says it is damaged. */
  readonly host: Host | null;
  readonly segments: readonly InspectedSegment[];
  /** What is kept, segment by segment; released events too, until their segment is deleted. */
  events(): AsyncIterable<InspectedEvent>;
}

/** Says what a spool directory holds, and changes nothing. @throws what the disk says */
export async function inspectSpool(directory: string, fs: SpoolFs = NODE_FS): Promise<InspectedProcess[]> {
  const root = resolve(directory);
  const processes: InspectedProcess[] = [];
  for (const name of (await fs.readdir(root)).sort()) {
    const parsed = parseDirectoryName(name);
    if (parsed === null || parsed.isUnfinished) continue;
    const { writer, owner } = parsed;
    const path = join(root, name);
    const host = await fs.readFile(join(path, HOST_FILE)).then(decodeHost, () => null);
    const isAlive = await fs.isListening(socketPath(root, owner));
    const segments = await recover({ fs, path, writer, key: host?.key ?? null, onDamage: async () => {} });
    processes.push({
      writer,
      owner,
      isAlive,
      host,
      segments: await Promise.all(
        segments.map((one, i) => inspectSegment(fs, one, i === segments.length - 1)),
      ),
      events: () => readEvents(fs, segments),
    });
  }
  return processes;
}

async function inspectSegment(
  fs: SpoolFs,
  segment: AdoptedSegment,
  isLast: boolean,
): Promise<InspectedSegment> {
  const bytes = await readSegment(fs, segment.path);
  let [records, corruptBytes, tornBytes] = [0, 0, 0];
  await walkSegment(bytes, segment, {
    record() {
      records += 1;
    },
    bad(at, end, isTail) {
      if (isTail && isLast) tornBytes += end - at;
      else corruptBytes += end - at;
    },
  });
  return { name: segmentName(segment.number), bytes: bytes.length, records, corruptBytes, tornBytes };
}

async function* readEvents(fs: SpoolFs, segments: readonly AdoptedSegment[]): AsyncIterable<InspectedEvent> {
  for (const segment of segments) {
    const bytes = await readSegment(fs, segment.path);
    const items = await itemsOf(bytes, segment);
    for (const sequence of items.events.keys()) {
      if (!segment.wants(sequence)) continue;
      const read = await readItem(fs, segment, bytes, items, sequence);
      yield { event: read.event, state: stateOf(read) };
    }
  }
}

function stateOf({ kind, hasTail }: ReadEvent): InspectedEvent['state'] {
  if (kind === KIND.whole) return 'whole';
  return hasTail ? 'completed' : 'open';
}
