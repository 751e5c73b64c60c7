import type express5 from 'express';
import type { AuditError, Authenticate } from '../../lib/index';
import { listOf } from './contract';
import { ask, row, startTrail } from './trail';

export const TENANTS = ['a', 'b', '*', null];
const INVALID = { detail: 'Invalid token.' };
const FAILED = { detail: 'The query failed.' };

export interface JwtTrail {
  /** Whom the router asks from now on. */
  use(authenticate: Authenticate): void;
  /** That the token is taken, and its reader sees so many events. */
  expectCount(token: string, count: number): Promise<void>;
  /** That the token is refused as any other would be, and nothing is reported. */
  expectRefused(token: string): Promise<void>;
  /** That the query is not answered and its trouble reported; gives the cause. */
  expectFailed(token: string): Promise<unknown>;
}

/** A real app whose trail, one event a tenant, is read with JSON Web Tokens. */
export async function startJwtTrail(express: typeof express5): Promise<JwtTrail> {
  let current: Authenticate = () => null;
  const trail = await startTrail({
    express,
    build: (app, audit) =>
      void app.use('/audit-events', audit.router({ authenticate: (...all) => current(...all) })),
  });
  await trail.store(TENANTS.map((tenant) => row('2026-01-01T00:00:00Z', { tenant })));
  const askWith = (token: string) =>
    ask(`${trail.url}/audit-events/`, { as: null, headers: { Authorization: `Token ${token}` } });
  return {
    use(authenticate) {
      current = authenticate;
      trail.errors.length = 0;
    },
    async expectCount(token, count) {
      expect(listOf(await askWith(token)).count).toBe(count);
      expect(trail.errors).toEqual([]);
    },
    async expectRefused(token) {
      const answer = await askWith(token);
      expect([answer.status, answer.body]).toEqual([401, INVALID]);
      expect(answer.headers.get('www-authenticate')).toBe('Token');
      expect(trail.errors).toEqual([]);
    },
    async expectFailed(token) {
      const answer = await askWith(token);
      expect([answer.status, answer.body]).toEqual([500, FAILED]);
      const errors = trail.errors.splice(0) as AuditError[];
      expect(errors.map(({ code }) => code)).toEqual(['AUDIT_CALLBACK_FAILED']);
      return errors[0]?.cause;
    },
  };
}
