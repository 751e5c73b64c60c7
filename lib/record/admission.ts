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

/** Whatever comes first of a fate and the end of the wait. */
function inTime(ms: number, start: (settle: (isSafe: boolean) => void) => void): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), ms);
    start((isSafe) => {
      clearTimeout(timer);
      resolve(isSafe);
    });
  });
}

/**
 * The level `strict`: a handler runs when it is safe that it was about to. While what comes of it could not be kept,
 * no request is let in; that ends by itself.
 */
export class Admission {
  private refused = 0;

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
    return settings.strict.at === 'disk' ? delivery.isKeeping : delivery.hasRoom && delivery.isStoring;
  }

  /**
   * Takes an intent. MUST NOT throw; `andThen` is called in the same turn, once it was taken.
   *
   * @returns whether it is safe: on the disk, or with a majority of MongoDB. Never rejects
   */
  announce(intent: AuditEvent, andThen: () => void): Promise<boolean> {
    const { delivery, settings } = this.parts;
    const { at, timeoutMs } = settings.strict;
    return inTime(timeoutMs, (settle) => {
      if (at === 'mongo') {
        delivery.follow(intent, (fate) => settle(fate === 'delivered'));
        andThen();
        return;
      }
      const isKept = delivery.accept(intent);
      andThen();
      if (isKept) delivery.sync().then(settle);
      else settle(false);
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
