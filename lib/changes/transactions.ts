import type { Session } from './driver';
import { Transaction, type TransactionParts } from './transaction';

/** Finds the transaction that a session is in, and listens to how it ends. */
export class Transactions {
  /** By the driver's own object, of which every transaction has another. */
  private readonly known = new WeakMap<object, Transaction>();
  private readonly watched = new WeakSet<Session>();

  constructor(private readonly parts: TransactionParts) {}

  of(session: Session | null | undefined): Transaction | null {
    if (session === null || session === undefined || !session.inTransaction()) return null;
    const known = this.known.get(session.transaction);
    if (known !== undefined) return known;
    const transaction = new Transaction(this.parts);
    this.known.set(session.transaction, transaction);
    return transaction;
  }

  /** For a write: from here on the session's end of the transaction is heard of. */
  watch(session: Session): void {
    if (this.watched.has(session)) return;
    this.watched.add(session);
    this.wrapStart(session);
    this.wrapCommit(session);
    this.wrapAbort(session);
    session.once('ended', () => this.known.get(session.transaction)?.leave());
  }

  private wrapStart(session: Session): void {
    const start = session.startTransaction;
    session.startTransaction = (...args) => {
      const earlier = this.known.get(session.transaction);
      const result = start.apply(session, args);
      earlier?.leave();
      return result;
    };
  }

  private wrapCommit(session: Session): void {
    const commit = session.commitTransaction;
    session.commitTransaction = async (...args) => {
      const transaction = this.known.get(session.transaction);
      try {
        const result = await commit.apply(session, args);
        transaction?.commit();
        return result;
      } catch (error) {
        if (isAborted(error)) transaction?.abort();
        else transaction?.doubt();
        throw error;
      }
    };
  }

  private wrapAbort(session: Session): void {
    const abort = session.abortTransaction;
    session.abortTransaction = async (...args) => {
      const transaction = this.known.get(session.transaction);
      // the driver refuses to abort what it sent a commit for, and then nothing ended
      const result = await abort.apply(session, args);
      transaction?.abort();
      return result;
    };
  }
}

function hasLabel(error: unknown, label: string): boolean {
  const { errorLabels } = (error ?? {}) as { errorLabels?: unknown };
  return Array.isArray(errorLabels) && errorLabels.includes(label);
}

/** Of all other errors of a commit nobody knows: a write concern that cannot be met is told of what was committed. */
function isAborted(error: unknown): boolean {
  return hasLabel(error, 'TransientTransactionError') && !hasLabel(error, 'UnknownTransactionCommitResult');
}
