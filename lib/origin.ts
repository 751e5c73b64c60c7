import { isIPv6 } from 'node:net';
import type { Request } from 'express';
import { canonicalAddress } from './address';

/** What needs no second look: the names that most hosts have. */
const PLAIN_HOST = /^(?:[A-Za-z][A-Za-z0-9]{0,62}\.){0,8}[A-Za-z][A-Za-z0-9]{0,62}(?::\d{1,4})?$/;
const HOST = /^(?:[A-Za-z0-9._~-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/;

export interface Origin {
  readonly protocol: 'http' | 'https';
  /** Name or address with the port, if one was given. */
  readonly host: string;
}

/** Scheme, user information and host of a request target in absolute form (RFC 9112, 3.2.2). */
export const ABSOLUTE_FORM = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*@)?([^/?#]*)/i;

type TrustFunction = (address: string | undefined, hop: number) => boolean;

/** A trust function of the app's may throw; whom it cannot judge is not trusted. */
function isPeerTrusted(req: Request): boolean {
  const trust = req.app?.get('trust proxy fn') as TrustFunction | undefined;
  try {
    return typeof trust === 'function' && trust(req.socket.remoteAddress, 0);
  } catch {
    return false;
  }
}

function protocolOf(req: Request): Origin['protocol'] {
  const own = (req.socket as { encrypted?: boolean }).encrypted ? 'https' : 'http';
  // without it Express would find the same, after asking whom the app trusts
  if (req.headers['x-forwarded-proto'] === undefined) return own;
  try {
    // none where no Express has seen the request
    return ((req.protocol as string | undefined) ?? own) === 'https' ? 'https' : 'http';
  } catch {
    return own;
  }
}

function first(header: string | string[] | undefined): string | undefined {
  const text = Array.isArray(header) ? header[0] : header;
  return text?.split(',', 1)[0]?.trim();
}

function localHost(req: Request): string {
  const { localAddress, localPort } = req.socket;
  const address = canonicalAddress(localAddress);
  if (address === null) return 'localhost';
  return `${isIPv6(address) ? `[${address.split('%', 1)[0]}]` : address}:${localPort}`;
}

/** A host that may stand in a URI, or undefined. */
function validHost(host: string | undefined): string | undefined {
  if (host === undefined || PLAIN_HOST.test(host)) return host;
  return HOST.test(host) && URL.canParse(`http://${host}`) ? host : undefined;
}

/**
 * Scheme and host as the client addressed them: the X-Forwarded headers count only where the app's own
 * `trust proxy` says so, a target in absolute form overrides Host; without any valid host it is the socket's
 * local address.
 */
export function originOf(req: Request): Origin {
  const forwarded = req.headers['x-forwarded-host'];
  const isForwarded = forwarded !== undefined && isPeerTrusted(req);
  const sent = req.originalUrl ?? req.url;
  const target = sent.startsWith('/') ? undefined : ABSOLUTE_FORM.exec(sent)?.[2];
  const host =
    (isForwarded ? validHost(first(forwarded)) : undefined) ??
    validHost(target) ??
    validHost(req.headers.host) ??
    localHost(req);
  return { protocol: protocolOf(req), host };
}
