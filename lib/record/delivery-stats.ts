import type { DropReason } from '../event';

/** `captured = delivered + pending + dropped + quarantined`, always. */
export interface DeliveryStats {
  /** `degraded` while events cannot be stored or are being dropped. */
  readonly state: 'healthy' | 'degraded';
  /** Events accepted, gaps and what dead processes left included. */
  readonly captured: number;
  /** Events that MongoDB acknowledged by a majority. */
  readonly delivered: number;
  /** Events that are open, in the queue, on the disk or on their way. */
  readonly pending: number;
  /** Events that could not be kept. */
  readonly dropped: number;
  readonly droppedByReason: { readonly [reason in DropReason]: number };
  /** Events that MongoDB refused for what they are, kept in the quarantine collection. */
  readonly quarantined: number;
  /** Memory of the pending events, in bytes. */
  readonly queueBytes: number;
  /** Size of the spool, in bytes; 0 where there is none. */
  readonly spoolBytes: number;
  /** Age of the oldest event that waits, in milliseconds; 0 when none does. */
  readonly oldestAgeMs: number;
}

/** What `flush` and `close` left undone. */
export interface DrainReport {
  /** Events that were not stored before the deadline. After `close`, those of a spool are stored at the next start. */
  readonly pending: number;
}
