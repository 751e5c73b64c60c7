import { randomBytes } from 'node:crypto';
import { type Authenticate, jwt, type Reader, staticTokens } from 'express-audit-events';

const ISSUER = 'demo-shop';
const LIFETIME = '1d';
const MAY_LIST = 'base.organization.audit.list';
const AUDITOR: Reader = { id: 'demo-auditor', permissions: [MAY_LIST], tenants: '*' };

/** Who may read the trail of the demo. */
export interface Readers {
  readonly authenticate: Authenticate;
  /** Opens everything. */
  readonly token: string;
  /** A JSON Web Token of the reader `auditor-acme`, who is no user of the shop and sees one tenant. */
  readonly acmeJwt: string;
}

/** For the demo only: tokens are made where people log in, by a secret that only that place knows. */
async function signAcmeJwt(secret: Uint8Array): Promise<string> {
  const { SignJWT } = await import('jose');
  const claims = { email: 'auditor-acme@example.org', permissions: [MAY_LIST], tenants: ['acme'] };
  return new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject('auditor-acme')
    .setIssuer(ISSUER)
    .setAudience(ISSUER)
    .setIssuedAt()
    .setExpirationTime(LIFETIME)
    .sign(secret);
}

/** The fixed token, or a JSON Web Token signed by a secret that is made up at every start. */
export async function createReaders(token: string): Promise<Readers> {
  const secret = randomBytes(32);
  const byToken = staticTokens({ [token]: AUDITOR });
  // #region readers
  const byJwt = jwt({ secret, issuer: ISSUER, audience: ISSUER });
  const authenticate: Authenticate = async (credential, req) =>
    (await byToken(credential, req)) ?? byJwt(credential, req);
  // #endregion
  return { authenticate, token, acmeJwt: await signAcmeJwt(secret) };
}
