import type { webcrypto } from 'node:crypto';
import { z } from 'zod';
import { AuditError } from '../errors';
import type { Authenticate } from './authenticate';
import type { Reader } from './dialect';
import type { JwtClaims, JwtOptions, JwtSettings } from './jwt-options';
import { parseJwtOptions } from './parse-jwt-options';

type Jose = typeof import('jose');
type Candidates = AsyncIterable<webcrypto.CryptoKey>;
/** The claims of a token, or null for one that is wrong. */
type Verify = (token: string) => Promise<JwtClaims | null>;

const SEVERAL_KEYS = 'ERR_JWKS_MULTIPLE_MATCHING_KEYS';
/** What jose says of a wrong token; everything else it says is about the keys. */
const WRONG_TOKEN: readonly unknown[] = [
  'ERR_JWS_INVALID',
  'ERR_JWS_SIGNATURE_VERIFICATION_FAILED',
  'ERR_JWT_INVALID',
  'ERR_JWT_EXPIRED',
  'ERR_JWT_CLAIM_VALIDATION_FAILED',
  'ERR_JWKS_NO_MATCHING_KEY',
  'ERR_JOSE_ALG_NOT_ALLOWED',
  'ERR_JOSE_NOT_SUPPORTED', // a critical extension (RFC 7515, 4.1.11)
];

/** Other claims are the issuer's own; these are right or there is no reader. */
const readerClaims = z.object({
  sub: z.string().min(1),
  email: z
    .string()
    .nullish()
    .transform((email) => email ?? undefined),
  permissions: z.array(z.string()).optional(),
  tenants: z.union([z.literal('*'), z.array(z.string())]).optional(),
});

function readerOf(claims: JwtClaims): Reader | null {
  const { data } = readerClaims.safeParse(claims);
  if (data === undefined) return null;
  const { sub: id, ...rest } = data;
  return { id, ...rest };
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

/** Neither user nor password is in the URI; what follows its path may be a key. */
function keysFailed(source: JwtSettings['source'], cause: unknown): AuditError {
  const where = source instanceof URL ? ` of ${source.origin}${source.pathname}` : '';
  return new AuditError('AUDIT_CALLBACK_FAILED', `jwt(): the keys${where} cannot be had or used.`, { cause });
}

function checksOf({ algorithms, issuer, audience, clockToleranceSeconds }: JwtSettings) {
  return {
    algorithms: [...algorithms],
    clockTolerance: clockToleranceSeconds,
    ...(issuer !== null && { issuer: [...issuer] }),
    ...(audience !== null && { audience: [...audience] }),
  };
}

function createVerify({ createRemoteJWKSet, jwtVerify }: Jose, settings: JwtSettings): Verify {
  const { source } = settings;
  const checks = checksOf(settings);
  const keys = source instanceof URL ? createRemoteJWKSet(source) : () => source;

  async function verifyBy(token: string, key: Parameters<typeof jwtVerify>[1]): Promise<JwtClaims | null> {
    try {
      const { payload } = await jwtVerify(token, key, checks);
      return payload as JwtClaims;
    } catch (error) {
      if (WRONG_TOKEN.includes(codeOf(error))) return null;
      throw error;
    }
  }

  /** A token without `kid`, where the issuer has several keys of its kind: it is good if one of them fits. */
  async function verifyByAny(token: string, candidates: Candidates): Promise<JwtClaims | null> {
    for await (const key of candidates) {
      const claims = await verifyBy(token, key);
      if (claims !== null) return claims;
    }
    return null;
  }

  async function verifyByAll(token: string): Promise<JwtClaims | null> {
    try {
      return await verifyBy(token, keys);
    } catch (error) {
      if (codeOf(error) !== SEVERAL_KEYS) throw error;
      return verifyByAny(token, error as unknown as Candidates);
    }
  }

  return (token) =>
    verifyByAll(token).catch((error: unknown) => {
      throw keysFailed(source, error);
    });
}

/**
 * Authenticates by JSON Web Tokens (RFC 7519) that somebody else issued, as RFC 8725 says it is done well:
 * algorithms are pinned and go with the kind of key, `none` is refused, and `exp` and `nbf` are kept to. Have your issuer set `exp`: a token without it opens the trail until
 * the key changes.
 * What is wrong with a token is not told.
 *
 * jose is loaded when the first token comes: it is an ES module, which not every test runner can require, and apps
 * without JSON Web Tokens have no use for it.
 *
 * @throws {AuditOptionError} for wrong options
 */
export function jwt(options: JwtOptions): Authenticate {
  const settings = parseJwtOptions(options);
  const { reader } = settings;
  let verify: Promise<Verify> | undefined;
  return async function authenticateByJwt(credential) {
    verify ??= import('jose').then((jose) => createVerify(jose, settings));
    const claims = await (await verify)(credential);
    if (claims === null) return null;
    return reader === null ? readerOf(claims) : reader(claims);
  };
}
