import { AuditError, type Reporter } from '../errors';
import type { AuditEvent } from '../event';
import type { DraftEvent } from './build-event';
import type { Intake, OpenEvent } from './intake';

/** What one request may hold back. */
const MOST_CHANGES = 1_000;
const MOST_BYTES = 4 * 1024 * 1024;
const LONGEST_MS = 5_000;

/** What a change shares with the request that made it. */
const SHARED = [
  'commitId',
  'requestId',
  'traceId',
  'spanId',
  'source',
  'user',
  'onBehalfOf',
  'system',
  'tenant',
  'object',
  'labels',
  'method',
  'url',
  'route',
  'host',
  'remoteAddr',
  'peerAddr',
  'userAgent',
  'client',
] as const satisfies (keyof AuditEvent)[];

export type Origin = Pick<AuditEvent, (typeof SHARED)[number]>;

/** A change that waits to learn who made it. */
export interface HeldChange {
  readonly event: DraftEvent;
  /** Upper estimate of its states and diff. */
  readonly bytes: number;
  /** What it knows better than its origin. */
  readonly own: Partial<Origin>;
}

/** Where changes go: a request, a job, or nowhere in particular. */
export interface Surroundings {
  /** MUST NOT throw or wait. */
  hold(change: HeldChange): void;
  /** What events of the application's own take from here. */
  readonly defaults: Partial<Origin>;
}

/** The change as an event of its origin. */
export function originate({ event, own }: HeldChange, origin: Partial<Origin>): AuditEvent {
  for (const field of SHARED) {
    const value = own[field] === undefined ? origin[field] : own[field];
    if (value !== undefined) Object.assign(event, { [field]: value });
  }
  return event;
}

/** Without the headers, the body and whatever else an event keeps alive. Every request pays for it: a loop is dear. */
function sharedOf(origin: Partial<Origin>): { [field in keyof Origin]: Origin[field] | undefined } {
  return {
    commitId: origin.commitId,
    requestId: origin.requestId,
    traceId: origin.traceId,
    spanId: origin.spanId,
    source: origin.source,
    user: origin.user,
    onBehalfOf: origin.onBehalfOf,
    system: origin.system,
    tenant: origin.tenant,
    object: origin.object,
    labels: origin.labels,
    method: origin.method,
    url: origin.url,
    route: origin.route,
    host: origin.host,
    remoteAddr: origin.remoteAddr,
    peerAddr: origin.peerAddr,
    userAgent: origin.userAgent,
    client: origin.client,
  };
}

/** A change that is held, and where it is kept meanwhile, if it is. */
interface Waiting {
  readonly change: HeldChange;
  readonly opened: OpenEvent | null;
}

export interface HoldParts {
  readonly reporter: Reporter;
  readonly intake: Intake;
  /** Memory that the changes of all requests may take while they are held, in bytes. */
  readonly maxBytes: number;
}

/** The changes that the requests of one audit hold back: bounded for each request and for all. */
export class ChangeHolds {
  private readonly waiting = new Set<ChangeHold>();
  private bytes = 0;
  private isClosed = false;

  constructor(private readonly parts: HoldParts) {}

  /**
   * @param defaults what is known from the start
   * @param origin asked when the changes go: who, from where, by which request, as known by then
   */
  open(defaults: ChangeHold['defaults'], origin: () => Partial<Origin>): ChangeHold {
    return new ChangeHold(this, defaults, origin);
  }

  /** Whether nothing more may wait. */
  get isFull(): boolean {
    return this.isClosed || this.bytes >= this.parts.maxBytes;
  }

  began(hold: ChangeHold): void {
    this.waiting.add(hold);
  }

  grew(bytes: number): void {
    this.bytes += bytes;
  }

  /** Keeps a change at once, where that can be done, in the name of whoever is known to have made it by now. */
  keep(change: HeldChange, origin: () => Partial<Origin>): OpenEvent | null {
    const { intake } = this.parts;
    return intake.keepsOpen ? intake.open(originate(change, origin())) : null;
  }

  release(hold: ChangeHold, waiting: readonly Waiting[], origin: Partial<Origin>): void {
    this.waiting.delete(hold);
    for (const { change, opened } of waiting) {
      this.bytes -= change.bytes;
      const event = originate(change, origin);
      if (opened === null) this.parts.intake.accept(event);
      else opened.conclude(event);
    }
  }

  failed(cause: unknown): void {
    const message = 'The request of a change could not be read; the change is recorded without it.';
    this.parts.reporter.error(new AuditError('AUDIT_CAPTURE_FAILED', message, { cause }));
  }

  /** Lets go what is held, with what is known by now. */
  flush(): void {
    for (const hold of this.waiting) hold.release();
  }

  /** Lets go what is held, and holds nothing from now on. */
  close(): void {
    this.isClosed = true;
    this.flush();
  }
}

/**
 * Changes of one request, held until it ends so that they are delivered with the user known then. Whatever the request
 * has started keeps this, and may outlive it (a pool, a timer), so nothing of the request is kept from its end on but
 * what its changes share.
 */
export class ChangeHold implements Surroundings {
  private changes: Waiting[] = [];
  /** As known when the first change was kept: to ask again for each would cost more than all the rest. */
  private firstOrigin: Partial<Origin> | null = null;
  private bytes = 0;
  private added = 0;
  private isOver = false;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly all: ChangeHolds,
    readonly defaults: Pick<Origin, 'commitId' | 'requestId'>,
    private origin: () => Partial<Origin>,
  ) {}

  /** How many there were in all. */
  get count(): number {
    return this.added;
  }

  hold(change: HeldChange): void {
    const opened = this.isOver ? null : this.all.keep(change, () => this.earlyOrigin());
    this.changes.push({ change, opened });
    this.added += 1;
    this.bytes += change.bytes;
    this.all.grew(change.bytes);
    const isFull = this.changes.length >= MOST_CHANGES || this.bytes >= MOST_BYTES;
    if (this.isOver || isFull || this.all.isFull) {
      this.release();
      return;
    }
    this.all.began(this);
    this.timer ??= setTimeout(() => this.release(), LONGEST_MS).unref();
  }

  /** The request is over: nothing more is learnt of it, so nothing more waits. */
  end(): void {
    this.isOver = true;
    const known = sharedOf(this.readOrigin());
    this.origin = () => known;
    this.firstOrigin = null;
    this.release();
  }

  release(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const { changes } = this;
    if (changes.length === 0) return;
    this.changes = [];
    this.bytes = 0;
    this.all.release(this, changes, this.readOrigin());
  }

  private earlyOrigin(): Partial<Origin> {
    this.firstOrigin ??= sharedOf(this.readOrigin());
    return this.firstOrigin;
  }

  private readOrigin(): Partial<Origin> {
    try {
      return this.origin();
    } catch (cause) {
      this.all.failed(cause);
      return this.defaults;
    }
  }
}
