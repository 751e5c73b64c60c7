import { isIPv6 } from 'node:net';
import type { Request } from 'express';
import { canonicalAddress } from './address';

const HOST = /^(?:[A-Za-z0-9._~-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/;

export interface Origin {
  readonly protocol: 'http' | 'https';
  /** Name or address with the port, if one was given. */
  readonly host: string;
}

type TrustFunction = (address: string | undefined, hop: number) => boolean;

function isPeerTrusted(req: Request): boolean {
  const trust = req.app?.get('trust proxy fn') as TrustFunction | undefined;
  return typeof trust === 'function' && trust(req.socket.remoteAddress, 0);
}

function first(header: string | string[] | undefined): string | undefined {
  const text = Array.isArray(header) ? header[0] : header;
  return text?.split(',', 1)[0]?.trim();
}

function localHost(req: Request): string {
  const { localAddress, localPort } = req.socket;
  const address = canonicalAddress(localAddress);
  if (address === null) return 'localhost';
  return `${isIPv6(address) ? `[${address}]` : address}:${localPort}`;
}

/** A host that may stand in a URI, or undefined. */
export function validHost(host: string | undefined): string | undefined {
  return host !== undefined && HOST.test(host) ? host : undefined;
}

/**
 * Scheme and host as the client addressed them: the X-Forwarded headers count only where the app's own
 * `trust proxy` says so; an absent or invalid Host gives the socket's local address.
 */
export function originOf(req: Request): Origin {
  const forwarded = req.headers['x-forwarded-host'];
  const isForwarded = forwarded !== undefined && isPeerTrusted(req);
  const host =
    (isForwarded ? validHost(first(forwarded)) : undefined) ?? validHost(req.headers.host) ?? localHost(req);
  return { protocol: req.protocol === 'https' ? 'https' : 'http', host };
}
