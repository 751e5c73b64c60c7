import type { ServerResponse } from 'node:http';
import type { AuditEvent } from '../event';
import type { Settings } from '../options';
import type { Delivery } from './deliver';

/** Safe methods: RFC 9110, 9.2.1. */
const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);
const RETRY_AFTER_SECONDS = 1;
const REFUSAL = JSON.stringify({
  error: 'AUDIT_UNAVAILABLE',
  message: 'The request cannot be audited now, so it was not handled.',
});

export interface AdmissionParts {
  readonly settings: Pick<Settings, 'strict'>;
  readonly delivery: Pick<Delivery, 'follow' | 'accept' | 'sync' | 'isKeeping' | 'isStoring' | 'hasRoom'>;
}

/**
 * The level `strict`: a handler runs when it is safe that it was about to. While what comes of it could not be kept,
 * no request is let in; that ends by itself.
 */
export class Admission {
  private refused = 0;
  /** Intents that were waited for long enough, and whose fate is not known. */
  private overdue = 0;

  constructor(private readonly parts: AdmissionParts) {}

  /** Requests that were refused. */
  get rejected(): number {
    return this.refused;
  }

  /** Whether requests of this method have to wait. */
  concerns(method: string): boolean {
    const { methods } = this.parts.settings.strict;
    return methods === null ? !SAFE.has(method) : methods.has(method);
  }

  /** Whether an outcome could be kept, as far as is known. */
  get isOpen(): boolean {
    const { delivery, settings } = this.parts;
    // whoever came now would wait as long, and in vain
    if (this.overdue > 0) return false;
    return settings.strict.at === 'disk' ? delivery.isKeeping : delivery.hasRoom && delivery.isStoring;
  }

  /**
   * Takes an intent. MUST NOT throw.
   *
   * @param announceOutcome called in the same turn, once the intent was taken; says whether the outcome is kept that
   * the request has if the process dies: on the disk an intent without it is not safe
   * @returns whether it is safe: on the disk, or with a majority of MongoDB. Never rejects
   */
  announce(intent: AuditEvent, announceOutcome: () => boolean): Promise<boolean> {
    const { delivery, settings } = this.parts;
    const { at } = settings.strict;
    return this.inTime((settle) => {
      if (at === 'mongo') {
        delivery.follow(intent, (fate) => settle(fate === 'delivered'));
        announceOutcome();
        return;
      }
      const isKept = delivery.accept(intent);
      if (announceOutcome() && isKept) delivery.sync().then(settle);
      else settle(false);
    });
  }

  /** Whatever comes first of a fate and the end of the wait. @param start calls `settle` once, however late */
  private inTime(start: (settle: (isSafe: boolean) => void) => void): Promise<boolean> {
    return new Promise((resolve) => {
      let isOverdue = false;
      const timer = setTimeout(() => {
        isOverdue = true;
        this.overdue += 1;
        resolve(false);
      }, this.parts.settings.strict.timeoutMs);
      start((isSafe) => {
        clearTimeout(timer);
        if (isOverdue) this.overdue -= 1;
        resolve(isSafe);
      });
    });
  }

  /** Answers in place of the handler. */
  refuse(res: ServerResponse): void {
    this.refused += 1;
    if (res.headersSent || res.destroyed) return;
    res.writeHead(503, {
      'Content-Type': 'application/json; charset=utf-8',
      'Content-Length': Buffer.byteLength(REFUSAL),
      'Retry-After': String(RETRY_AFTER_SECONDS),
    });
    res.end(REFUSAL);
  }
}
