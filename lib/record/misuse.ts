import type { Request, RequestHandler } from 'express';
import type { Reporter } from '../errors';
import type { AuditEvent } from '../event';

interface Layer {
  readonly handle?: { readonly stack?: readonly Layer[] };
  readonly route?: unknown;
}

/** An app that turns a request away need not read its body. */
const REFUSALS: ReadonlySet<number> = new Set([
  401, 402, 403, 404, 405, 406, 409, 410, 411, 412, 413, 415, 417, 421, 429, 503,
]);
const PARSED_TYPES = /^application\/(?:[\w.+-]+\+)?json\b|^application\/x-www-form-urlencoded\b/i;

/** The app's own stack of handlers: `router` in Express 5, `_router` in Express 4 (whose `router` throws). */
function stackOf(req: Request): readonly Layer[] {
  const app = req.app as unknown as { _router?: { stack?: Layer[] }; router?: { stack?: Layer[] } };
  try {
    return app._router?.stack ?? app.router?.stack ?? [];
  } catch {
    return [];
  }
}

/** A route, or a router that has one. */
function hasRoute({ route, handle }: Layer): boolean {
  return route !== undefined || (Array.isArray(handle?.stack) && handle.stack.some(hasRoute));
}

/** Deployments that would make the trail wrong, each reported once, with its remedy. */
export class MisuseChecks {
  private isOrderChecked = false;
  private isTwiceReported = false;

  constructor(private readonly reporter: Reporter) {}

  /** At the first request: routes in front of the middleware are not audited. */
  order(req: Request, middleware: RequestHandler): void {
    if (this.isOrderChecked) return;
    this.isOrderChecked = true;
    const stack = stackOf(req);
    const own = stack.findIndex((layer) => layer.handle === middleware);
    if (!stack.slice(0, Math.max(own, 0)).some(hasRoute)) return;
    this.reporter.once(
      'AUDIT_MOUNTED_LATE',
      'Routes are mounted before audit.middleware(), and requests to them are not recorded. Move app.use(audit.middleware()) in front of them.',
    );
  }

  twice(): void {
    if (this.isTwiceReported) return;
    this.isTwiceReported = true;
    this.reporter.once(
      'AUDIT_MOUNTED_TWICE',
      'audit.middleware() handled one request twice; the first one records it. Remove the second app.use(audit.middleware()).',
    );
  }

  unrecordedIntent(): void {
    this.reporter.once(
      'AUDIT_INTENT_UNRECORDED',
      'audit.intent() handled a request that audit.middleware() has not seen, and wrote no intent. Mount app.use(audit.middleware()) in front of it.',
    );
  }

  forwarded(req: Request): void {
    if (req.headers['x-forwarded-for'] === undefined || req.app?.get('trust proxy') !== false) return;
    this.reporter.once(
      'AUDIT_FORWARDED_UNTRUSTED',
      "A request has X-Forwarded-For, but the app trusts no proxy: remoteAddr is the proxy's, or the header is forged. Behind a proxy, set app.set('trust proxy', ...) to its address or number of hops.",
    );
  }

  /** @param isUntouched whether nothing read the bytes of the request: a parser that refused them did */
  body(event: AuditEvent, contentType: string | undefined, isUntouched: boolean): void {
    if (event.postDataState !== 'unread' || contentType === undefined || !PARSED_TYPES.test(contentType))
      return;
    if (!isUntouched || event.statusCode === null || REFUSALS.has(event.statusCode)) return;
    this.reporter.once(
      'AUDIT_NO_BODY_PARSER',
      'A JSON or form body arrived and nothing parsed it, so postData is null. Mount app.use(express.json()) and app.use(express.urlencoded()).',
    );
  }
}
