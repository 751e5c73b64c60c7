import { createHash, timingSafeEqual } from 'node:crypto';
import type { Request } from 'express';
import type { Reader } from './dialect';

/**
 * Who sent a credential: what follows the dialect's scheme in the Authorization header. Null for a wrong one.
 * What it throws is reported and answered with 500, never with events.
 */
export type Authenticate = (credential: string, req: Request) => Reader | null | Promise<Reader | null>;

/** What an unset variable becomes as a key. */
const UNSET = ['', 'undefined', 'null'];

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/**
 * Authenticates by fixed tokens. Digests are compared, each in constant time and all of them, so that the time of an
 * answer says nothing about the tokens.
 *
 * @param tokens readers by their tokens; give each token at least 128 random bits
 * @throws {TypeError} when a token is empty or that of an unset variable, or there is none
 */
export function staticTokens(tokens: Readonly<Record<string, Reader>>): Authenticate {
  const entries = Object.entries(tokens).map(([token, reader]) => ({ token: digest(token), reader }));
  if (entries.length === 0) throw new TypeError('staticTokens: at least one token must be given.');
  for (const token of UNSET) {
    if (Object.hasOwn(tokens, token))
      throw new TypeError(`staticTokens: a token must not be '${token}'. Is an environment variable unset?`);
  }
  return function authenticateByToken(credential) {
    const given = digest(credential);
    let found: Reader | null = null;
    for (const { token, reader } of entries) {
      if (timingSafeEqual(token, given)) found = reader;
    }
    return found;
  };
}

/** RFC 9110, 11.6.2: a scheme, one or more spaces, the credential; schemes are compared without case. */
export function readCredential(header: string | undefined, schemes: readonly string[]): string | null {
  const [, scheme, credential] = /^([A-Za-z][\w-]*) +([\x21-\x7E]+)$/.exec(header ?? '') ?? [];
  if (scheme === undefined || credential === undefined) return null;
  return schemes.some((known) => known.toLowerCase() === scheme.toLowerCase()) ? credential : null;
}
