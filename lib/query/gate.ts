import type { Request } from 'express';
import { z } from 'zod';
import { AuditError } from '../errors';
import { suggest } from '../suggest';
import { type Authenticate, readCredential } from './authenticate';
import type { Dialect, Reader } from './dialect';
import type { Scope } from './filter';
import { parseParameters } from './parameters';
import { Stop } from './stop';

/** A misspelt limit on a reader must not be taken for none; what else an app's own readers have is theirs. */
function refuseMisspelt(reader: object, context: z.RefinementCtx): void {
  for (const key of Object.keys(reader)) {
    if (Object.hasOwn(readerShape, key)) continue;
    const near = suggest(key, LIMITS);
    if (near !== undefined) context.addIssue({ code: 'custom', path: [key], message: near });
  }
}

const readerShape = {
  id: z.union([z.string().min(1), z.number().transform(String)]),
  email: z
    .string()
    .nullish()
    .transform((email) => email ?? undefined),
  permissions: z.array(z.string()).optional(),
  tenants: z.union([z.literal('*'), z.array(z.string())]).optional(),
  fields: z.literal('no-payload').optional(),
};
const LIMITS = ['permissions', 'tenants', 'fields'];
const readerSchema = z
  .looseObject(readerShape)
  .superRefine(refuseMisspelt)
  .transform(
    ({ id, email, permissions, tenants, fields }): Reader => ({ id, email, permissions, tenants, fields }),
  );

/** Who reads what: decided once a query, before anything is asked of the store. */
export interface Admission {
  readonly reader: Reader;
  readonly scope: Scope;
  /** The tenant that the path names, or null. */
  readonly tenant: string | null;
}

export interface GateParts {
  readonly dialect: Dialect;
  readonly authenticate: Authenticate;
}

/** Authenticates, asks for the permission, and narrows the scope to the tenant in the path. */
export function createGate({ dialect, authenticate }: GateParts) {
  const [challenge = 'Token'] = dialect.schemes;

  function refuse(credential: 'missing' | 'invalid', message: string): Stop {
    // RFC 6750, 3.1: a request without a credential is told no error
    const code = challenge === 'Bearer' && credential === 'invalid' ? ' error="invalid_token"' : '';
    return new Stop({ status: 401, message, credential }, { 'WWW-Authenticate': `${challenge}${code}` });
  }

  async function ask(credential: string, req: Request): Promise<unknown> {
    try {
      return await authenticate(credential, req);
    } catch (cause) {
      const message = "Option 'authenticate' of router() threw; the query was not answered.";
      throw new AuditError('AUDIT_CALLBACK_FAILED', message, { cause });
    }
  }

  async function readerOf(req: Request): Promise<Reader> {
    const credential = readCredential(req.headers.authorization, dialect.schemes);
    if (credential === null) throw refuse('missing', 'Authentication credentials were not provided.');
    const found = await ask(credential, req);
    if (found === null || found === undefined) throw refuse('invalid', 'Invalid token.');
    const result = readerSchema.safeParse(found);
    if (result.success) return result.data;
    const [issue] = result.error.issues;
    const path = issue?.path ?? [];
    const where = path.length === 0 ? '' : ` at '${path.join('.')}'`;
    throw new AuditError(
      'AUDIT_CALLBACK_FAILED',
      `Option 'authenticate' of router() gave no reader${where}: return { id, tenants }, or null for a wrong credential.`,
    );
  }

  /** The value in the path, also where it is not well-formed. */
  function tenantIn(req: Request): string | null {
    if (dialect.tenant === undefined) return null;
    const { parameter, mount } = dialect.tenant;
    const value = (req.params as Readonly<Record<string, unknown>>)[parameter];
    const end = mount.slice(mount.indexOf('/', 1)).toLowerCase();
    if (typeof value === 'string' && req.baseUrl.toLowerCase().endsWith(end)) return value;
    throw new AuditError(
      'AUDIT_MOUNTED_WRONG',
      `The router of ${dialect.name} must be mounted at a path that ends in ${mount}, with mergeParams on routers in between.`,
    );
  }

  return async function admit(req: Request, admitted: (admission: Admission) => void): Promise<Admission> {
    const tenant = tenantIn(req);
    const reader = await readerOf(req);
    const { tenants = [] } = reader;
    const isTheirs = tenant === null || tenants === '*' || tenants.includes(tenant);
    const scope = tenant === null ? { tenants } : { tenants: isTheirs ? [tenant] : [] };
    const admission = { reader, scope, tenant };
    admitted(admission);
    const { permission } = dialect;
    if (permission !== undefined && !reader.permissions?.includes(permission))
      throw new Stop({ status: 403, message: `The permission ${permission} is required.` });
    if (tenant !== null && dialect.tenant !== undefined) {
      const { parameter, schema } = dialect.tenant;
      parseParameters({ [parameter]: schema }, new Map([[parameter, tenant]]));
    }
    if (!isTheirs) throw new Stop({ status: 404, message: 'Not found.' });
    return admission;
  };
}
