import type { KeyObject } from 'node:crypto';
import type { Reader } from './dialect';
import type { JwtPublicKey, JwtPublicKeyAlgorithm, JwtSecretAlgorithm } from './jwt-keys';

/** Claims of a token that was verified (RFC 7519, 4): what its issuer wrote, of whatever types. */
export interface JwtClaims {
  /** When the token expires, in seconds since 1970. */
  readonly exp?: number;
  readonly [claim: string]: unknown;
}

interface JwtChecks {
  /**
   * Who must have issued the token: its `iss` is one of these. @default any issuer that has the key
   */
  readonly issuer?: string | readonly string[];
  /**
   * For whom the token must be: its `aud` is or holds one of these. Set it wherever the issuer makes tokens for
   * others too, or theirs open the trail (RFC 8725, 3.9). @default any audience
   */
  readonly audience?: string | readonly string[];
  /**
   * How far the issuer's clock may be off when `exp` and `nbf` are compared, in seconds. @default 5 (5 seconds)
   * @maximum 300 (5 minutes)
   */
  readonly clockToleranceSeconds?: number;
  /**
   * Who reads, by the claims; null refuses the token. What it throws is reported and answered with 500.
   *
   * @default { id: sub, email, permissions, tenants }: `sub` must be there, `tenants` is `'*'` or a list, and a
   * claim of a wrong type refuses the token; a token without `tenants` sees nothing
   */
  readonly reader?: (claims: JwtClaims) => Reader | null | Promise<Reader | null>;
}

/** Tokens signed by a secret that is shared with the issuer. */
export interface JwtSecretOptions extends JwtChecks {
  /**
   * The secret, as bytes or as text in UTF-8: at least 32 bytes for HS256, 48 for HS384, 64 for HS512 (RFC 7518,
   * 3.2), from a generator of random bytes.
   */
  readonly secret: string | Uint8Array;
  readonly key?: never;
  readonly jwksUri?: never;
  /** The only algorithms that are accepted. @default ['HS256'] */
  readonly algorithms?: readonly JwtSecretAlgorithm[];
}

/** Tokens signed by one key pair of the issuer. */
export interface JwtKeyOptions extends JwtChecks {
  /** The issuer's public key: PEM text (SPKI or an X.509 certificate, whose dates are not looked at), a JWK, a KeyObject or a CryptoKey. */
  readonly key: JwtPublicKey;
  readonly secret?: never;
  readonly jwksUri?: never;
  /** The only algorithms that are accepted. @default the key's: RS256 for RSA, ES256, ES384 or ES512 by its curve, EdDSA and Ed25519, or what a JWK's `alg` says */
  readonly algorithms?: readonly JwtPublicKeyAlgorithm[];
}

/** Tokens signed by keys that the issuer publishes, and may change. */
export interface JwtKeySetOptions extends JwtChecks {
  /**
   * Where the issuer's JSON Web Key Set (RFC 7517) is: an https URL, or http on the machine itself. Fetched when the
   * first token comes, kept for 10 minutes, and fetched again for a key that is not in it, once in 30 seconds. When
   * it cannot be had within 5 seconds the query is answered with 500, and that is reported.
   */
  readonly jwksUri: string | URL;
  readonly secret?: never;
  readonly key?: never;
  /** The only algorithms that are accepted. */
  readonly algorithms: readonly JwtPublicKeyAlgorithm[];
}

/** Exactly one of `secret`, `key` and `jwksUri`. */
export type JwtOptions = JwtSecretOptions | JwtKeyOptions | JwtKeySetOptions;

/** The options with every default filled in. */
export interface JwtSettings {
  readonly source: Uint8Array | KeyObject | URL;
  readonly algorithms: readonly string[];
  readonly issuer: readonly string[] | null;
  readonly audience: readonly string[] | null;
  readonly clockToleranceSeconds: number;
  readonly reader: NonNullable<JwtChecks['reader']> | null;
}
