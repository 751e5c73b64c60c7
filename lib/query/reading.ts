import type { Request, Response } from 'express';
import { AuditError, type Reporter } from '../errors';
import type { ObjectRef } from '../event';
import type { ObjectType } from '../names';
import type { Dialect, Parameters } from './dialect';
import type { Admission } from './gate';

/** One query of the trail, as the trail keeps it. */
export interface Reading {
  readonly user: { readonly id: string; readonly email?: string | undefined };
  /** The tenant that was read, null where it may be several. */
  readonly tenant: string | null;
  readonly object: ObjectRef;
  readonly content: {
    readonly api: string;
    /** The parameters as they were given; null where they are none. */
    readonly filter: Readonly<Record<string, unknown>> | null;
    readonly rows: number;
  };
  readonly statusCode: number;
}

/** Records a reading where no middleware is in front. MUST NOT throw. */
export type RecordReading = (req: Request, reading: Reading) => void;

/** What notes on a request's own event; undefined where this audit does not record the request. */
export type AuditOf = (req: Request) => Request['audit'] | undefined;

export interface ReadingParts {
  readonly dialect: Dialect;
  readonly reporter: Reporter;
  readonly auditOf: AuditOf;
  /** Null when readings are not audited. */
  readonly recordReading: RecordReading | null;
}

/** Follows one query, so that it becomes one event: that of the request, or else one of its own. */
export class ReadingLog {
  private admission: Admission | null = null;
  private filter: Reading['content']['filter'] = null;
  private rows = 0;
  private isRecorded = false;

  constructor(
    private readonly parts: ReadingParts,
    private readonly req: Request,
    private readonly res: Response,
    /** Of the event that is read; absent for a list. */
    private readonly uuid: string | undefined,
  ) {}

  admitted(admission: Admission): void {
    this.admission = admission;
    // at once: the client may leave before the answer
    this.note(0);
  }

  asked(parameters: Parameters): void {
    this.filter = this.uuid === undefined ? Object.fromEntries(parameters) : { uuid: this.uuid };
  }

  found(rows: number): void {
    this.rows = rows;
  }

  /** Whoever was not admitted has read nothing. */
  answered(statusCode: number): void {
    if (this.note(statusCode)) return;
    const reading = this.reading(statusCode);
    if (reading === null || this.isRecorded) return;
    this.isRecorded = true;
    this.parts.recordReading?.(this.req, reading);
  }

  private reading(statusCode: number): Reading | null {
    if (this.admission === null || this.parts.recordReading === null) return null;
    const { reader, scope } = this.admission;
    const { name } = this.parts.dialect;
    const { tenants } = scope;
    return {
      user: { id: reader.id, email: reader.email },
      tenant: tenants !== '*' && tenants.length === 1 ? (tenants[0] ?? null) : null,
      object: { type: 'audit-event', id: this.uuid ?? name },
      content: { api: name, filter: this.filter, rows: this.rows },
      statusCode,
    };
  }

  /** Whether the request has an event of its own, which then is the reading. */
  private note(statusCode: number): boolean {
    const audit = this.parts.auditOf(this.req);
    if (audit === undefined) return false;
    const reading = this.reading(statusCode);
    // a client that has left: the event is on its way already
    if (reading === null || this.res.closed) return true;
    try {
      const { user, tenant, object, content } = reading;
      // the type is this package's own, whatever names the app has told
      audit
        .user(user)
        .tenant(tenant)
        .object(object.type as ObjectType, object.id)
        .content(content);
    } catch (cause) {
      const message = 'A reading could not be noted on its event; it was answered all the same.';
      this.parts.reporter.error(new AuditError('AUDIT_CAPTURE_FAILED', message, { cause }));
    }
    return true;
  }
}
