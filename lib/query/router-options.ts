import { AuditOptionError } from '../errors';
import { suggest } from '../suggest';
import type { Authenticate } from './authenticate';
import type { Dialect } from './dialect';

/** What an app says about a tenant: any object, or null for one that does not exist. */
export type OrganizationInfo = (id: string) => object | null | undefined | Promise<object | null | undefined>;

export interface RouterSettings {
  readonly dialect: Dialect;
  readonly authenticate: Authenticate;
  readonly organizationInfo: OrganizationInfo | null;
}

const ROUTER_OPTIONS: readonly string[] = ['dialect', 'authenticate', 'organizationInfo'];

function invalid(name: string, rest: string): AuditOptionError {
  return new AuditOptionError('AUDIT_INVALID_OPTION', `Option '${name}' of router() ${rest}`);
}

function remedy(name: string, what: string, known: readonly string[]): string {
  const near = suggest(name, known);
  return near === undefined ? `Known ${what} ${known.join(', ')}.` : `Did you mean '${near}'?`;
}

function dialectOf(name: unknown, dialects: readonly Dialect[]): Dialect {
  const found = dialects.find((one) => one.name === name);
  if (found !== undefined) return found;
  const names = dialects.map((one) => one.name);
  throw invalid('dialect', `is wrong: ${JSON.stringify(name)}. ${remedy(String(name), 'are', names)}`);
}

function organizationInfoOf(value: unknown, dialect: Dialect): OrganizationInfo | null {
  if (value === undefined) return null;
  if (typeof value !== 'function') throw invalid('organizationInfo', 'is wrong: must be a function.');
  if (dialect.tenant === undefined)
    throw invalid('organizationInfo', `is of no use: ${dialect.name} has no organization in its path.`);
  return value as OrganizationInfo;
}

/**
 * @param dialects all there are, the default first
 * @throws {AuditOptionError} a router without a way to authenticate would be open to everybody
 */
export function parseRouterOptions(
  options: unknown,
  dialects: readonly [Dialect, ...Dialect[]],
): RouterSettings {
  const given = (options ?? {}) as Readonly<Record<string, unknown>>;
  for (const name of Object.keys(given)) {
    if (ROUTER_OPTIONS.includes(name)) continue;
    const message = `Option '${name}' of router() is not known. ${remedy(name, 'options are', ROUTER_OPTIONS)}`;
    throw new AuditOptionError('AUDIT_UNKNOWN_OPTION', message);
  }
  const { dialect: name = dialects[0].name, authenticate } = given;
  const dialect = dialectOf(name, dialects);
  if (typeof authenticate !== 'function')
    throw invalid(
      'authenticate',
      'is missing: the trail must not be open to everybody. Pass staticTokens({ ... }) or a function of your own.',
    );
  const organizationInfo = organizationInfoOf(given.organizationInfo, dialect);
  return { dialect, authenticate: authenticate as Authenticate, organizationInfo };
}
