import type { Request } from 'express';
import { canonicalAddress } from '../address';
import { ABSOLUTE_FORM, type Origin } from '../origin';

/** What is known of a request when it arrives, copied so that nothing later can change it. */
export interface Arrival {
  readonly method: string;
  /** The request target as it was sent, before any router cut or rewrote it. */
  readonly target: string;
  readonly origin: Origin;
  readonly contentType: string | undefined;
  readonly remoteAddr: string | null;
  readonly peerAddr: string | null;
  readonly requestId: string | null;
  readonly traceId: string | null;
  readonly spanId: string | null;
  readonly userAgent: string | null;
}

const REQUEST_ID = /^[\x20-\x7E]{1,128}$/;
/** W3C Trace Context, 3.2. */
const TRACEPARENT = /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}(-.*)?$/;
const LONGEST_TRACEPARENT = 512;
const LONGEST_AGENT = 512;

function text(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}

function traceOf(header: string | undefined): { traceId: string | null; spanId: string | null } {
  const match =
    header !== undefined && header.length <= LONGEST_TRACEPARENT ? TRACEPARENT.exec(header) : null;
  const [, version, traceId, spanId, more] = match ?? [];
  if (traceId === undefined || spanId === undefined) return { traceId: null, spanId: null };
  // version 00 has exactly four fields; later ones may add some
  return version === '00' && more !== undefined ? { traceId: null, spanId: null } : { traceId, spanId };
}

/** `req.ip` under the app's own `trust proxy`; a trust function of the app's may throw. */
function remoteAddress(req: Request): string | null {
  try {
    return canonicalAddress(req.ip ?? req.socket.remoteAddress);
  } catch {
    return null;
  }
}

function agentOf(agent: string | undefined): string | null {
  if (agent === undefined) return null;
  return agent.slice(0, LONGEST_AGENT);
}

export function readArrival(req: Request, origin: Origin): Arrival {
  const { headers } = req;
  const requestId = text(headers['x-request-id']);
  return {
    method: req.method,
    target: req.originalUrl ?? req.url,
    origin,
    contentType: headers['content-type'],
    remoteAddr: remoteAddress(req),
    peerAddr: canonicalAddress(req.socket.remoteAddress),
    requestId: requestId !== undefined && REQUEST_ID.test(requestId) ? requestId : null,
    ...traceOf(text(headers.traceparent)),
    userAgent: agentOf(headers['user-agent']),
  };
}

/** Express's own parsers give the same for names and values without escapes, each name once. */
const PARSERS_ALIKE: ReadonlySet<unknown> = new Set(['simple', 'extended', true]);
const SIMPLE_QUERY = /^[A-Za-z][\w-]{0,63}=[\w.~-]{0,256}(?:&[A-Za-z][\w-]{0,63}=[\w.~-]{0,256}){0,9}$/;

function simpleQuery(query: string): Record<string, string> | null {
  if (!SIMPLE_QUERY.test(query)) return null;
  const parsed: Record<string, string> = {};
  for (const pair of query.split('&')) {
    const equals = pair.indexOf('=');
    const name = pair.slice(0, equals);
    if (name in parsed) return null;
    parsed[name] = pair.slice(equals + 1);
  }
  return parsed;
}

/**
 * Query parameters as the app's own parser sees them, else as `URLSearchParams` does. Null when the target
 * has no query, `{}` when it is empty.
 */
export function readQuery(req: Request, target: string): unknown {
  const mark = target.indexOf('?');
  if (mark === -1) return null;
  const query = target.slice(mark + 1);
  if (query === '') return {};
  const simple = PARSERS_ALIKE.has(req.app?.get('query parser')) ? simpleQuery(query) : null;
  if (simple !== null) return simple;
  try {
    const parsed: unknown = req.query;
    if (typeof parsed === 'object' && parsed !== null && Object.keys(parsed).length > 0) return parsed;
  } catch {
    // an app's own query parser may throw on what an attacker sends
  }
  return plainQuery(query);
}

function plainQuery(query: string): Record<string, string | string[]> {
  const parsed = new Map<string, string | string[]>();
  for (const [key, value] of new URLSearchParams(query)) {
    const before = parsed.get(key);
    parsed.set(key, before === undefined ? value : [before, value].flat());
  }
  return Object.fromEntries(parsed);
}

const ILLEGAL = /[^A-Za-z0-9\-._~:/?#@!$&'()*+,;=%]/gu;
const BROKEN_PERCENT = /%(?![0-9A-Fa-f]{2})/g;
const CUT_ESCAPE = /%[0-9A-Fa-f]?$/;

/** One cut escape must not leave half a UTF-8 character: bytes of a sequence begin with 11 and go on with 10. */
function dropCutCharacter(uri: string): string {
  const tail = /(?:%[89AB][0-9A-F])*$/i.exec(uri)?.[0] ?? '';
  const lead = uri.slice(0, uri.length - tail.length);
  const first = /%([C-F][0-9A-F])$/i.exec(lead)?.[1];
  if (first === undefined) return uri;
  const byte = Number.parseInt(first, 16);
  const expected = byte >= 0xf0 ? 3 : byte >= 0xe0 ? 2 : 1;
  return tail.length / 3 < expected ? lead.slice(0, -3) : uri;
}

function toLegal(text: string): string {
  return text.toWellFormed().replace(ILLEGAL, encodeURIComponent).replace(BROKEN_PERCENT, '%25');
}

const MOST_URI_CHARS = 1_000;

/** An absolute URI (RFC 3986) of at most 1,000 characters; a cut falls on a whole character. */
export function toUri(origin: Origin, target: string): { uri: string; isCut: boolean } {
  const [authority = '', userinfo = ''] = ABSOLUTE_FORM.exec(target) ?? [];
  const sent = target.slice(authority.length);
  const path = authority !== '' || sent.startsWith('/') ? sent : `/${sent}`;
  const hash = path.indexOf('#');
  const single = hash === -1 ? path : path.slice(0, hash + 1) + path.slice(hash + 1).replaceAll('#', '%23');
  // far more than is kept, so that a long target costs no more than a short one
  const mostChars = MOST_URI_CHARS * 2;
  const base = `${origin.protocol}://${toLegal(userinfo.slice(0, mostChars))}${origin.host}`;
  const uri = base + toLegal(single.slice(0, mostChars));
  if (uri.length <= MOST_URI_CHARS && single.length <= mostChars) return { uri, isCut: false };
  return { uri: dropCutCharacter(uri.slice(0, MOST_URI_CHARS).replace(CUT_ESCAPE, '')), isCut: true };
}
