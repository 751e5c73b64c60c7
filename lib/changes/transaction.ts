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
  readonly inContext: InContext;
}

interface HeldMore {
  readonly more: More;
  readonly inContext: InContext;
}

/** One transaction: what it changed is handed over when it is committed, and forgotten when it is not. */
export class Transaction {
  private status: 'open' | 'doubted' | 'committed' | 'aborted' = 'open';
  private held: Held[] = [];
  private more = new Map<string, HeldMore>();
  private bytes = 0;
  private writes = 0;
  private readonly touched = new Map<string, number>();
  private allTouchedAt = 0;

  constructor(private readonly parts: TransactionParts) {}

  get isAborted(): boolean {
    return this.status === 'aborted';
  }

  hold(change: ObservedChange): void {
    this.bytes += roughBytes(change.before) + roughBytes(change.after);
    if (this.held.length < MOST_CHANGES && this.bytes <= MOST_BYTES)
      this.held.push({ change, inContext: AsyncLocalStorage.snapshot() });
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
  touch(document: string | null): void {
    this.writes += 1;
    if (document !== null && this.touched.size < MOST_CHANGES) this.touched.set(document, this.writes);
    else this.allTouchedAt = this.writes;
  }

  /** How far the transaction is: what was read now holds until the next touch. */
  get now(): number {
    return this.writes;
  }

  isStale(document: string, readAt: number): boolean {
    return Math.max(this.allTouchedAt, this.touched.get(document) ?? 0) > readAt;
  }

  commit(): void {
    if (this.status === 'aborted') return;
    this.status = 'committed';
    this.handOver((change) => change);
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
    if (this.status === 'doubted')
      this.handOver((change) => ({ ...change, exact: false, outcome: 'unknown' }));
    else if (this.status === 'open') this.abort();
  }

  private handOver(finish: (change: ObservedChange) => ObservedChange): void {
    const { held, more } = this;
    this.forget();
    for (const { change, inContext } of held) inContext(() => this.parts.recorder.record(finish(change)));
    for (const one of more.values()) one.inContext(() => this.parts.recorder.recordMore(one.more));
  }

  private forget(): void {
    this.held = [];
    this.more = new Map();
    this.bytes = 0;
    this.touched.clear();
  }
}
