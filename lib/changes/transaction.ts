import { AsyncLocalStorage } from 'node:async_hooks';
import type { ChangeRecorder, ObservedChange } from '../observed-change';
import { roughBytes } from './states';

/** A transaction's changes wait in memory for its end. */
const MOST_CHANGES = 10_000;
const MOST_BYTES = 32 * 1024 * 1024;

export interface TransactionParts {
  /** MUST NOT throw. */
  readonly recorder: ChangeRecorder;
}

type More = Parameters<ChangeRecorder['recordMore']>[0];
type InContext = <T>(fn: () => T) => T;

interface Held {
  readonly change: ObservedChange;
  readonly turn: Turn;
  readonly inContext: InContext;
}

interface HeldMore {
  readonly more: More;
  readonly inContext: InContext;
}

/** Stands for documents of which nobody knows which they are. */
const UNKNOWN = '';

/** One write in its transaction, from its first read to its last. */
export class Turn {
  private readonly others = new Set<Turn>();
  private readonly touched = new Set<string>();
  private readonly contested = new Set<string>();

  constructor(running: ReadonlySet<Turn>) {
    for (const other of running) {
      this.others.add(other);
      other.others.add(this);
    }
  }

  touch(document: string | null): void {
    const name = document ?? UNKNOWN;
    this.touched.add(name);
    for (const other of this.others) {
      if (name === UNKNOWN) for (const one of other.touched) other.contested.add(one);
      if (!other.touched.has(name) && !other.touched.has(UNKNOWN)) continue;
      other.contested.add(name);
      this.contested.add(name);
    }
  }

  /** Whether a write at the same time touched the same document: which came first is not known. */
  isContested(document: string): boolean {
    return this.contested.has(document);
  }
}

/** One transaction: what it changed is handed over when it is committed, and forgotten when it is not. */
export class Transaction {
  private status: 'open' | 'doubted' | 'committed' | 'aborted' = 'open';
  private held: Held[] = [];
  private more = new Map<string, HeldMore>();
  private bytes = 0;
  private writes = 0;
  private readonly running = new Set<Turn>();
  private readonly touched = new Map<string, number>();
  private allTouchedAt = 0;

  constructor(private readonly parts: TransactionParts) {}

  get isAborted(): boolean {
    return this.status === 'aborted';
  }

  begin(): Turn {
    const turn = new Turn(this.running);
    this.running.add(turn);
    return turn;
  }

  end(turn: Turn): void {
    this.running.delete(turn);
  }

  hold(change: ObservedChange, turn: Turn): void {
    this.bytes += roughBytes(change.before) + roughBytes(change.after);
    if (this.held.length < MOST_CHANGES && this.bytes <= MOST_BYTES)
      this.held.push({ change, turn, inContext: AsyncLocalStorage.snapshot() });
    else this.holdMore({ action: change.action, type: change.object.type, count: 1 });
  }

  holdMore(more: More): void {
    const key = `${more.action} ${more.type}`;
    const earlier = this.more.get(key);
    const count = more.count + (earlier?.more.count ?? 0);
    const inContext = earlier?.inContext ?? AsyncLocalStorage.snapshot();
    this.more.set(key, { more: { ...more, count }, inContext });
  }

  /** Notes that a document was written: copies of it from before are stale. Null: nobody knows which. */
  touch(document: string | null, turn: Turn): void {
    turn.touch(document);
    this.writes += 1;
    if (document !== null && this.touched.size < MOST_CHANGES) this.touched.set(document, this.writes);
    else this.allTouchedAt = this.writes;
  }

  /** How far the transaction is: what was read now holds until the next touch. */
  get now(): number {
    return this.writes;
  }

  /** Whether a write is under way, which may reach what is read now, or not. */
  get isWriting(): boolean {
    return this.running.size > 0;
  }

  isStale(document: string, readAt: number): boolean {
    return Math.max(this.allTouchedAt, this.touched.get(document) ?? 0) > readAt;
  }

  commit(): void {
    if (this.status === 'aborted') return;
    this.status = 'committed';
    this.handOver({});
  }

  abort(): void {
    if (this.status === 'committed') return;
    this.status = 'aborted';
    this.forget();
  }

  /** The commit may have taken place or not; the driver, or the app, may ask again. */
  doubt(): void {
    if (this.status === 'open') this.status = 'doubted';
  }

  /** The session ended, or began another: what is not committed by now never is. */
  leave(): void {
    if (this.status === 'doubted') this.handOver({ outcome: 'unknown' });
    else if (this.status === 'open') this.abort();
  }

  private handOver(doubt: Pick<ObservedChange, 'outcome'>): void {
    const { held, more } = this;
    this.forget();
    for (const { change, turn, inContext } of held) {
      const exact = change.exact && doubt.outcome === undefined && !turn.isContested(change.object.id);
      inContext(() => this.parts.recorder.record({ ...change, exact, ...doubt }));
    }
    for (const one of more.values())
      one.inContext(() => this.parts.recorder.recordMore({ ...one.more, ...doubt }));
  }

  private forget(): void {
    this.held = [];
    this.more = new Map();
    this.bytes = 0;
    this.touched.clear();
  }
}
