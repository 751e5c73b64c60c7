import { AuditOptionError, type JwtOptions, jwt } from '../../lib/index';

/** What is thrown at construction; fails when nothing is, or something else. */
export function errorOf(options: unknown): AuditOptionError {
  try {
    jwt(options as JwtOptions);
  } catch (error) {
    if (error instanceof AuditOptionError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
