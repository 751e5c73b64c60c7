import { AuditError, type Reporter } from '../errors';
import { BadParameter, type Dialect, type Problem } from './dialect';

const RETRY_AFTER_SECONDS = 5;

/** What stops a query on its way to an answer. */
export class Stop extends Error {
  constructor(
    readonly problem: Problem,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(problem.message);
  }
}

/** What a problem of the store says to an outsider: neither MongoDB's words nor the machine's. */
function storeProblem(error: AuditError, { narrowBy }: Dialect): Stop {
  if (error.code === 'AUDIT_STORE_UNAVAILABLE') {
    const message = 'The audit store is not reachable. Try again later.';
    return new Stop({ status: 503, message }, { 'Retry-After': String(RETRY_AFTER_SECONDS) });
  }
  if (error.code === 'AUDIT_STORE_TIMEOUT') {
    const what = error.cause === 'count' ? 'Counting the events' : 'The query';
    const message = `${what} took too long. Narrow it, for example by ${narrowBy.join(' or by ')}.`;
    return new Stop({ status: 504, message });
  }
  if (error.code === 'AUDIT_MOUNTED_WRONG') return new Stop({ status: 500, message: error.message });
  return new Stop({ status: 500, message: 'The query failed.' });
}

/** What an error means to the client; what is trouble of the operator's is reported. */
export function toStop(error: unknown, dialect: Dialect, reporter: Reporter): Stop {
  if (error instanceof Stop) return error;
  if (error instanceof BadParameter)
    return new Stop({ status: 400, message: error.message, parameter: error.parameter });
  const trouble =
    error instanceof AuditError
      ? error
      : new AuditError('AUDIT_QUERY_FAILED', `Answering a query of ${dialect.name} failed.`, {
          cause: error,
        });
  reporter.error(trouble);
  return storeProblem(trouble, dialect);
}
