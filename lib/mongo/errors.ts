import { AuditError } from '../errors';

interface DriverError extends Error {
  readonly code?: number | string;
}

/** Errors that say nothing about the operation: the server could not be asked, or not answer. By name: drivers of two majors may meet. */
const UNAVAILABLE_NAME =
  /Network|ServerSelection|NotConnected|TopologyClosed|PoolCleared|PoolClosed|WaitQueue|ClientClosed|ExpiredSession|OperationTimeout/;
/** Error codes of a server that is starting, stopping, electing, out of room or not permitted to write. */
const UNAVAILABLE_CODES: ReadonlySet<unknown> = new Set([
  6, 7, 13, 18, 24, 46, 63, 64, 89, 91, 100, 112, 133, 134, 150, 189, 202, 246, 249, 262, 279, 317, 358, 365,
  384, 402, 8000, 9001, 10058, 10107, 11600, 11601, 11602, 13388, 13435, 13436, 14031,
]);
/** Codes by which a server refuses what a document is, not the moment. */
const REFUSED_CODES: ReadonlySet<unknown> = new Set([
  2, 9, 14, 15, 16, 22, 52, 55, 57, 121, 394, 10334, 17280, 17419, 17420,
]);
const MAX_TIME_EXPIRED = 50;

function asDriverError(error: unknown): DriverError {
  return error instanceof Error ? error : new Error(String(error));
}

export function isTransientCode(code: unknown): boolean {
  return code === MAX_TIME_EXPIRED || UNAVAILABLE_CODES.has(code);
}

/** Whether an operation failed for the moment, not for what it was. */
export function isUnavailable(error: unknown): boolean {
  if (error instanceof AuditError) return error.code === 'AUDIT_STORE_UNAVAILABLE';
  const { name, code } = asDriverError(error);
  return UNAVAILABLE_NAME.test(name) || UNAVAILABLE_CODES.has(code);
}

/** Whether the server or the way to it gave the error; any other was thrown on this side, before anything was sent. */
export function isDriverError(error: unknown): boolean {
  return asDriverError(error).name.startsWith('Mongo');
}

/** Name and code, which never hold a user's data or an address, unlike messages. */
export function label(error: unknown): string {
  const { name, code } = asDriverError(error);
  return code === undefined ? name : `${name} ${code}`;
}

/** What a failed write says: refused by the server for what it is, or else a result that nobody knows. */
export function toWriteError(error: unknown): AuditError {
  if (error instanceof AuditError) return error;
  const { name, code } = asDriverError(error);
  // an error of the write concern says nothing about the documents: they are written already
  if (REFUSED_CODES.has(code) && !name.includes('WriteConcern')) return refused(error);
  const message = `MongoDB did not take the events, they are offered again: ${label(error)}`;
  return new AuditError('AUDIT_STORE_UNAVAILABLE', message, { cause: error });
}

export function refused(cause: unknown): AuditError {
  return new AuditError('AUDIT_STORE_REJECTED', `MongoDB refused the write: ${label(cause)}`, { cause });
}

/** What a failed query says to the one who asked. */
export function toReadError(error: unknown): AuditError {
  if (error instanceof AuditError) return error;
  const cause = asDriverError(error);
  if (cause.code === MAX_TIME_EXPIRED) {
    return new AuditError('AUDIT_STORE_TIMEOUT', 'The query took longer than maxTimeMS.', { cause });
  }
  const code = isUnavailable(error) ? 'AUDIT_STORE_UNAVAILABLE' : 'AUDIT_QUERY_FAILED';
  return new AuditError(code, `The query failed: ${label(cause)}`, { cause });
}
