/** Stable codes: match on these, never on messages. */
export type AuditErrorCode =
  // a caller's mistake
  | 'AUDIT_INVALID_OPTION'
  | 'AUDIT_UNKNOWN_OPTION'
  | 'AUDIT_INVALID_CALL'
  | 'AUDIT_LATE_CALL'
  | 'AUDIT_CALLBACK_FAILED'
  // a deployment that would make the trail wrong
  | 'AUDIT_FORWARDED_UNTRUSTED'
  | 'AUDIT_NO_BODY_PARSER'
  | 'AUDIT_MOUNTED_LATE'
  | 'AUDIT_MOUNTED_TWICE'
  | 'AUDIT_MOUNTED_WRONG'
  | 'AUDIT_INTENT_UNRECORDED'
  | 'AUDIT_PLUGIN_LATE'
  // delivery and store
  | 'AUDIT_CAPTURE_FAILED'
  | 'AUDIT_CHANGE_UNREAD'
  | 'AUDIT_CHANGE_UNRECORDED'
  | 'AUDIT_STORE_UNAVAILABLE'
  | 'AUDIT_STORE_TIMEOUT'
  | 'AUDIT_STORE_REJECTED'
  | 'AUDIT_INDEXES_FAILED'
  | 'AUDIT_EVENTS_DROPPED'
  | 'AUDIT_EVENT_QUARANTINED'
  | 'AUDIT_SPOOL_FAILED'
  | 'AUDIT_SPOOL_FULL'
  | 'AUDIT_SPOOL_CORRUPT'
  | 'AUDIT_SPOOL_FOREIGN'
  | 'AUDIT_QUERY_FAILED';

/** Everything that this package reports or throws on its own account. `message` never holds a client's data. */
export class AuditError extends Error {
  override readonly name = 'AuditError';

  constructor(
    readonly code: AuditErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Thrown by a wrong call: to `record` or `req.audit.*` outside of production, to `attach` always. */
export class AuditCallError extends TypeError {
  override readonly name = 'AuditCallError';
  readonly code = 'AUDIT_INVALID_CALL' satisfies AuditErrorCode;
}

/** Thrown at construction by an option that is unknown or has a wrong value. */
export class AuditOptionError extends TypeError {
  override readonly name = 'AuditOptionError';

  constructor(
    readonly code: 'AUDIT_INVALID_OPTION' | 'AUDIT_UNKNOWN_OPTION',
    message: string,
  ) {
    super(message);
  }
}

/** Where trouble goes. MUST NOT throw. */
export interface Reporter {
  error(error: Error): void;
  /** Reports at most once per code in the life of an audit. */
  once(code: AuditErrorCode, message: string): void;
  dropped(reason: string, count: number): void;
}
