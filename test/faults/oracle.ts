import { isDeepStrictEqual } from 'node:util';
import { isStrict, type Ledger, type Level, type Sent } from './ledger';
import type { Stored, StoredRow } from './stored';

/** What became of what was promised. */
export interface Verdict {
  /** Requests, and changes of documents, whose event the level has promised. */
  readonly acknowledged: number;
  /** Of those, how many have theirs; in quarantine counts. */
  readonly stored: number;
  readonly duplicated: number;
  readonly lost: number;
  readonly rejected: number;
  readonly gaps: number;
  /** Events that the gaps name. */
  readonly declared: number;
  /** Stored requests of which only the beginning is known. */
  readonly unknown: number;
  readonly quarantined: number;
  /** What must not be, whatever the fault. */
  readonly wrong: readonly string[];
}

const MOST_NAMED = 5;

/** The first few, and how many more there are. */
function named(what: string, ids: readonly (string | number)[]): string[] {
  if (ids.length === 0) return [];
  const more = ids.length > MOST_NAMED ? ` and ${ids.length - MOST_NAMED} more` : '';
  return [`${what}: ${ids.slice(0, MOST_NAMED).join(', ')}${more}`];
}

function groupBy<T>(rows: readonly T[], key: (row: T) => string): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const row of rows) {
    const group = groups.get(key(row));
    if (group === undefined) groups.set(key(row), [row]);
    else group.push(row);
  }
  return groups;
}

/** Whose response left, had its body read; of others it may be missing, and never another one. */
function isBodyRight(
  { body, isRejected }: Sent,
  { status, statusCode, postData = null }: StoredRow,
): boolean {
  const isOwed = status !== 'intent' && statusCode !== undefined && !isRejected;
  return (!isOwed && postData === null) || isDeepStrictEqual(postData, body);
}

/** What an event says that its request did not; empty when they agree. */
function differences(sent: Sent, row: StoredRow): string[] {
  const { id, method, path, body, status } = sent;
  const wrong: string[] = [];
  if (row.method !== method) wrong.push('method');
  if (!row.url?.endsWith(path)) wrong.push('url');
  if (row.outcome === 'completed' && status !== null && row.statusCode !== status) wrong.push('status');
  if (body !== null && !isBodyRight(sent, row)) wrong.push('body');
  return wrong.map((field) => `${id} ${field}`);
}

/** For every writer, each sequence is stored once, or quarantined, or named by a gap; and no id is given twice. */
function sequenceTroubles({ rows, quarantined }: Stored): string[] {
  const ids = new Set(rows.map(({ id }) => id));
  const troubles = ids.size === rows.length ? [] : [`${rows.length - ids.size} ids were given twice`];
  const places = groupBy([...rows, ...quarantined], ({ writer }) => writer);
  const gapsOf = groupBy(
    rows.filter(({ gap }) => gap !== undefined),
    ({ writer }) => writer,
  );
  for (const [writer, own] of places) {
    const seen = new Set<number>();
    const twice: number[] = [];
    const see = (sequence: number): void => {
      if (seen.has(sequence)) twice.push(sequence);
      seen.add(sequence);
    };
    for (const { sequence } of own) see(sequence);
    for (const { gap } of gapsOf.get(writer) ?? [])
      for (let sequence = gap?.first ?? 0; sequence <= (gap?.last ?? -1); sequence++) see(sequence);
    const last = Math.max(...seen);
    const holes = Array.from({ length: last }, (_, i) => i + 1).filter((sequence) => !seen.has(sequence));
    const of = `of writer ${writer.slice(-6)}, of ${last},`;
    troubles.push(...named(`sequences ${of} twice`, twice), ...named(`sequences ${of} missing`, holes));
  }
  return troubles;
}

interface Tally {
  readonly owed: number;
  readonly missing: readonly string[];
  readonly doubled: readonly string[];
}

/** Changes of the app's documents: one event each, and none without a document. */
function tallyChanges(stored: Stored, owed: readonly Sent[]): Tally & { readonly strangers: string[] } {
  const changes = groupBy(
    stored.rows.filter(({ kind }) => kind === 'change'),
    ({ objectId }) => objectId,
  );
  const acknowledged = owed.filter(({ path, status }) => path.startsWith('/document/') && status === 201);
  return {
    owed: acknowledged.length,
    missing: acknowledged.filter(({ id }) => !changes.has(id)).map(({ id }) => `change of ${id}`),
    doubled: [...changes].filter(([, rows]) => rows.length > 1).map(([id]) => `change of ${id}`),
    strangers: [...changes.keys()].filter((id) => !stored.notes.has(id)),
  };
}

export interface Judged {
  readonly level: Level;
  readonly ledger: Ledger;
  readonly stored: Stored;
  /** Requests whose handler is known to have run. */
  readonly handled: ReadonlySet<string>;
}

function tallyRequests({ level, stored }: Judged, owed: readonly Sent[]): Tally {
  const requests = stored.rows.filter(({ kind }) => kind === 'request');
  const outcomes = groupBy(
    requests.filter(({ status }) => status !== 'intent'),
    ({ requestId }) => requestId,
  );
  const intents = groupBy(
    requests.filter(({ status }) => status === 'intent'),
    ({ requestId }) => requestId,
  );
  const refused = new Set(stored.quarantined.map(({ requestId }) => requestId));
  const needsIntent = isStrict(level);
  const isKept = ({ id }: Sent): boolean =>
    refused.has(id) || (outcomes.has(id) && (!needsIntent || intents.has(id)));
  const doubled = [outcomes, intents].flatMap((groups) =>
    [...groups].filter(([, rows]) => rows.length > 1).map(([id]) => id),
  );
  const missing = owed.filter((sent) => !isKept(sent)).map(({ id }) => id);
  return { owed: owed.length, missing, doubled };
}

/** Intents that nothing followed: whoever finds them cannot know how their request ended. */
function openIntents({ rows, quarantined }: Stored): string[] {
  // a change carries the same commitId, and is no outcome
  const requests = rows.filter(({ kind, status }) => kind === 'request' && status !== 'intent');
  const outcomes = [...requests, ...quarantined];
  const finished = new Set(outcomes.map(({ commitId }) => commitId));
  return rows
    .filter(({ status, commitId }) => status === 'intent' && !finished.has(commitId))
    .map(({ requestId }) => requestId);
}

/** Judges what MongoDB holds by what was asked for and answered. */
export function judge(judged: Judged): Verdict {
  const { ledger, stored, handled } = judged;
  const owed = ledger.obligations(handled);
  const requests = stored.rows.filter(({ kind }) => kind === 'request');
  const changes = tallyChanges(stored, owed);
  const tally = tallyRequests(judged, owed);
  const strangers = requests.filter(({ requestId }) => !ledger.sent.has(requestId));
  const differing = requests.flatMap((row) => {
    const sent = ledger.sent.get(row.requestId);
    return sent === undefined ? [] : differences(sent, row);
  });
  const hung = [...ledger.sent.values()].filter(({ isHung }) => isHung);
  const gaps = stored.rows.flatMap(({ gap }) => gap ?? []);
  const acknowledged = tally.owed + changes.owed;
  const lost = tally.missing.length + changes.missing.length;
  return {
    acknowledged,
    stored: acknowledged - lost,
    duplicated: tally.doubled.length + changes.doubled.length,
    lost,
    rejected: ledger.count(({ isRejected }) => isRejected),
    gaps: gaps.length,
    declared: gaps.reduce((sum, { first, last }) => sum + last - first + 1, 0),
    unknown: requests.filter(({ outcome }) => outcome === 'unknown').length,
    quarantined: stored.quarantined.length,
    wrong: [
      ...named('strangers', [...strangers.map(({ requestId }) => requestId), ...changes.strangers]),
      ...named('differ from their request', differing),
      ...named(
        'neither answered nor cut off',
        hung.map(({ id }) => id),
      ),
      ...named('intents without an outcome', openIntents(stored)),
      ...sequenceTroubles(stored),
    ],
  };
}
