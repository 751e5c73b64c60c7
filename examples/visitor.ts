import type { Request } from 'express';
import { person } from './shop';

/** What the shop's own back office would know of tenants and of the operators that look after them. */
const COMPANIES: Readonly<Record<string, number>> = { acme: 1, globex: 2 };
const OPERATORS: Readonly<Record<string, number>> = { acme: 7, globex: 9 };

/** Node reads headers as Latin-1; people write their names in UTF-8. */
function header(req: Request, name: string): string | null {
  const value = req.get(name);
  return value === undefined || value === '' ? null : Buffer.from(value, 'latin1').toString();
}

/** For the demo only: a real app takes the user from its own authentication. */
export function userOf(req: Request) {
  const id = header(req, 'X-User');
  return id === null ? null : person(id);
}

export function tenantOf(req: Request): string | null {
  return header(req, 'X-Tenant');
}

const UNSAFE: readonly string[] = ['POST', 'PUT', 'PATCH', 'DELETE'];

/** What must be in the trail before it is done. Writes of items leave one event each. */
export function isIrrevocable({ method, path }: Request): boolean {
  return UNSAFE.includes(method) && !/^\/items(?:\/|$)/i.test(path);
}

/** The app's own dimensions: what is not known of a request has no label. */
export function labelsOf(req: Request): Record<string, string | number> {
  const tenant = tenantOf(req) ?? '';
  const caller = header(req, 'X-Caller');
  return {
    ...(Object.hasOwn(COMPANIES, tenant) && { companyId: COMPANIES[tenant] }),
    ...(Object.hasOwn(OPERATORS, tenant) && { operatorId: OPERATORS[tenant] }),
    ...(caller !== null && { caller }),
  };
}
