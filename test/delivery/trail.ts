import { dbOf, look } from './harness';

interface StoredGap {
  readonly first: number;
  readonly last: number;
  readonly reason: string;
}

interface Row {
  readonly _id: { toString(): string };
  readonly id: number;
  readonly name: string;
  readonly sequence: number;
  readonly writer: { toString(encoding: 'hex'): string };
  readonly gap?: StoredGap;
}

export interface Trail {
  readonly rows: readonly Row[];
  readonly gaps: readonly StoredGap[];
  readonly quarantined: readonly (Row & { readonly reason: string; readonly event: string })[];
  /** Stored events that are no gaps. */
  readonly events: readonly Row[];
}

/** What is stored, by sequence, whatever the API shows. */
export async function readTrail(uri: string, collection = 'auditevents'): Promise<Trail> {
  const connection = await look(uri);
  try {
    const prefix = collection === 'auditevents' ? 'audit' : `${collection}_`;
    const all = async <T>(name: string): Promise<T[]> =>
      (await dbOf(connection).collection(name).find({}).sort({ sequence: 1 }).toArray()) as unknown as T[];
    const rows = await all<Row>(collection);
    const quarantined = await all<Trail['quarantined'][number]>(`${prefix}quarantine`);
    const gaps = rows.flatMap(({ gap }) => (gap === undefined ? [] : [gap]));
    return { rows, gaps, quarantined, events: rows.filter(({ gap }) => gap === undefined) };
  } finally {
    await connection.close();
  }
}

function sequencesOf(rows: readonly Row[], writer: string): number[] {
  return rows.filter((row) => row.writer.toString('hex') === writer).map(({ sequence }) => sequence);
}

/**
 * Fails unless nothing is lost but what a gap names: for every writer, each sequence up to its last one is
 * stored, or quarantined, or named by one gap; and no id is given twice.
 */
export function expectNoUndeclaredLoss({ rows, quarantined }: Trail): void {
  expect(new Set(rows.map(({ id }) => id)).size).toBe(rows.length);
  for (const writer of new Set(rows.map((row) => row.writer.toString('hex')))) {
    const own = rows.filter((row) => row.writer.toString('hex') === writer);
    const named = own.flatMap(({ gap }) =>
      gap === undefined ? [] : Array.from({ length: gap.last - gap.first + 1 }, (_, i) => gap.first + i),
    );
    const found = [...sequencesOf(rows, writer), ...sequencesOf(quarantined, writer), ...named];
    const last = Math.max(...found);
    expect(found.sort((a, b) => a - b)).toEqual(Array.from({ length: last }, (_, i) => i + 1));
  }
}

/** Reads the trail and checks it whole. */
export async function expectWholeTrail(uri: string, collection?: string): Promise<Trail> {
  const trail = await readTrail(uri, collection);
  expectNoUndeclaredLoss(trail);
  return trail;
}
