import { AuditError } from '../errors';

interface DriverError extends Error {
  readonly code?: number | string;
  readonly errorLabels?: readonly string[];
  hasErrorLabel?(label: string): boolean;
}

/** Errors that say nothing about the operation: the server could not be asked, or not answer. By name: drivers of two majors may meet. */
const UNAVAILABLE_NAME =
  /Network|ServerSelection|NotConnected|TopologyClosed|PoolCleared|PoolClosed|WaitQueue|ClientClosed|ExpiredSession|OperationTimeout/;
/** Error codes of a server that is starting, stopping, electing or not permitted to write. */
const UNAVAILABLE_CODES: ReadonlySet<unknown> = new Set([
  6, 7, 13, 18, 64, 89, 91, 100, 112, 133, 134, 189, 202, 262, 317, 358, 384, 402, 9001, 10058, 10107, 11600,
  11602, 13388, 13435, 13436,
]);
/** Codes by which a server refuses what a document is, not the moment. */
const REFUSED_CODES: ReadonlySet<unknown> = new Set([
  2, 9, 14, 15, 22, 52, 55, 57, 121, 10334, 17280, 17419, 17420,
]);
const MAX_TIME_EXPIRED = 50;

function asDriverError(error: unknown): DriverError {
  return error instanceof Error ? error : new Error(String(error));
}

export function isTransientCode(code: unknown): boolean {
  return code === MAX_TIME_EXPIRED || UNAVAILABLE_CODES.has(code);
}

/** Name and code, which never hold a user's data or an address, unlike messages. */
function label({ name, code }: DriverError): string {
  return code === undefined ? name : `${name} ${code}`;
}

/** What a failed write says: refused for what it is, or else a result that nobody knows. */
export function toWriteError(error: unknown): AuditError {
  if (error instanceof AuditError) return error;
  const cause = asDriverError(error);
  // the driver's own encoder refuses before anything is sent
  const isEncoding =
    cause.name.startsWith('BSON') || cause instanceof RangeError || cause instanceof TypeError;
  if (isEncoding || REFUSED_CODES.has(cause.code)) {
    return new AuditError('AUDIT_STORE_REJECTED', `MongoDB refused the write: ${label(cause)}`, { cause });
  }
  const message = `MongoDB did not take the events, they are offered again: ${label(cause)}`;
  return new AuditError('AUDIT_STORE_UNAVAILABLE', message, { cause });
}

/** What a failed query says to the one who asked. */
export function toReadError(error: unknown): AuditError {
  if (error instanceof AuditError) return error;
  const cause = asDriverError(error);
  if (cause.code === MAX_TIME_EXPIRED) {
    return new AuditError('AUDIT_STORE_TIMEOUT', 'The query took longer than maxTimeMS.', { cause });
  }
  const isUnavailable = UNAVAILABLE_NAME.test(cause.name) || UNAVAILABLE_CODES.has(cause.code);
  const code = isUnavailable ? 'AUDIT_STORE_UNAVAILABLE' : 'AUDIT_QUERY_FAILED';
  return new AuditError(code, `The query failed: ${label(cause)}`, { cause });
}
