import type { Express } from 'express';
import type { Audit, Authenticate, DialectName } from 'express-audit-events';

/** Each API at the path that its reference has. */
// #region mounts
export const TRAIL_MOUNTS: readonly (readonly [path: string, dialect: DialectName])[] = [
  ['/audit-events', 'audit-events'],
  ['/history', 'history'],
  ['/api/v2/audit', 'audit'],
  ['/v1/organizations/:organizationId/audit', 'organization-audit'],
  ['/v2/audit-logs', 'audit-logs'],
];
// #endregion

/** Serves the trail over every API, to the same readers. */
export function mountTrail(app: Express, audit: Audit, authenticate: Authenticate): void {
  for (const [path, dialect] of TRAIL_MOUNTS) app.use(path, audit.router({ dialect, authenticate }));
}
