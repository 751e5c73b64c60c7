import type { Request, RequestHandler, Response } from 'express';
import { z } from 'zod';
import { AuditError, AuditOptionError, type Reporter } from '../errors';
import { ABSOLUTE_FORM, originOf } from '../origin';
import type { EventReader, ReadLimits } from '../store';
import { suggest } from '../suggest';
import { type Authenticate, readCredential } from './authenticate';
import { BadParameter, type Dialect, type Links, type Problem, type Reader } from './dialect';
import type { Scope } from './filter';
import { readParameters } from './parameters';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const METHODS = 'GET, HEAD';
const RETRY_AFTER_SECONDS = 5;
const ROUTER_OPTIONS: readonly string[] = ['dialect', 'authenticate'];

/** Strict: a limit on a reader that is not known here must not be taken for none. */
const readerSchema = z.strictObject({
  id: z.string().min(1),
  email: z.string().optional(),
  permissions: z.array(z.string()).optional(),
  tenants: z.union([z.literal('*'), z.array(z.string())]).optional(),
});

export interface RouterParts {
  readonly dialect: Dialect;
  readonly authenticate: Authenticate;
  readonly reader: EventReader;
  readonly reporter: Reporter;
  readonly limits: ReadLimits;
}

/** What stops a query on its way to an answer. */
class Stop extends Error {
  constructor(
    readonly problem: Problem,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(problem.message);
  }
}

interface Target {
  /** Absent for the list. */
  readonly uuid?: string;
}

/** What follows the mount path: nothing for the list, one segment for a detail; deeper paths are not ours. */
function targetOf(req: Request, hasDetail: boolean): Target | null {
  const segments = req.path.split('/').filter((segment) => segment !== '');
  const [uuid] = segments;
  if (uuid === undefined) return {};
  return hasDetail && segments.length === 1 ? { uuid } : null;
}

function linksOf(req: Request): Links {
  const { protocol, host } = originOf(req);
  const [target = ''] = req.originalUrl.split('?', 1);
  const query = req.originalUrl.slice(target.length + 1);
  const path = target.replace(ABSOLUTE_FORM, '');
  return {
    with(parameters) {
      const search = new URLSearchParams(query);
      for (const [name, value] of Object.entries(parameters)) {
        if (value === null) search.delete(name);
        else search.set(name, value);
      }
      const text = search.toString();
      return `${protocol}://${host}${path}${text === '' ? '' : `?${text}`}`;
    },
  };
}

/** What a problem of the store says to an outsider: neither MongoDB's words nor the machine's. */
function storeProblem(error: AuditError): Stop {
  if (error.code === 'AUDIT_STORE_UNAVAILABLE') {
    const message = 'The audit store is not reachable. Try again later.';
    return new Stop({ status: 503, message }, { 'Retry-After': String(RETRY_AFTER_SECONDS) });
  }
  if (error.code === 'AUDIT_STORE_TIMEOUT') {
    const what = error.cause === 'count' ? 'Counting the events' : 'The query';
    const message = `${what} took too long. Narrow it, for example by timestamp__gte or by user.`;
    return new Stop({ status: 504, message });
  }
  return new Stop({ status: 500, message: 'The query failed.' });
}

/**
 * Serves one dialect: authenticate, scope, parse, read, render. It is a plain handler, so that it works in the
 * routers of Express 4 and 5, at any mount path.
 */
export function createRouter(parts: RouterParts): RequestHandler {
  const { dialect, reader, limits, reporter } = parts;
  const [challenge = 'Token'] = dialect.schemes;

  async function authenticate(req: Request): Promise<Reader> {
    const credential = readCredential(req.headers.authorization, dialect.schemes);
    const refuse = (message: string) => new Stop({ status: 401, message }, { 'WWW-Authenticate': challenge });
    if (credential === null) throw refuse('Authentication credentials were not provided.');
    const found = await ask(credential, req);
    if (found === null || found === undefined) throw refuse('Invalid token.');
    const result = readerSchema.safeParse(found);
    if (result.success) return result.data;
    const [issue] = result.error.issues;
    const path = issue?.code === 'unrecognized_keys' ? issue.keys : (issue?.path ?? []);
    const where = path.length === 0 ? '' : ` at '${path.join('.')}'`;
    throw new AuditError(
      'AUDIT_CALLBACK_FAILED',
      `Option 'authenticate' of router() gave no reader${where}: return { id, tenants }, or null for a wrong credential.`,
    );
  }

  async function ask(credential: string, req: Request): Promise<unknown> {
    try {
      return await parts.authenticate(credential, req);
    } catch (cause) {
      const message = "Option 'authenticate' of router() threw; the query was not answered.";
      throw new AuditError('AUDIT_CALLBACK_FAILED', message, { cause });
    }
  }

  async function list(req: Request, scope: Scope): Promise<unknown> {
    const query = dialect.parseList(readParameters(req.originalUrl, dialect.parameters));
    const [count, events] = await Promise.all([
      reader.count(scope, query.filter, limits),
      reader.find(scope, query.filter, query.sort, query.page, limits),
    ]);
    const problem = dialect.checkPage(query, count);
    if (problem !== null) throw new Stop(problem);
    const contentTypes = await reader.contentTypes(
      events.map(({ object }) => object.type),
      limits,
    );
    return dialect.renderList({ events, count, query, contentTypes, links: linksOf(req) });
  }

  async function detail(req: Request, scope: Scope, uuid: string): Promise<unknown> {
    readParameters(req.originalUrl, []);
    const event = UUID.test(uuid) ? await reader.get(scope, uuid.toLowerCase(), limits) : null;
    if (event === null) throw new Stop({ status: 404, message: 'Not found.' });
    return dialect.renderDetail?.({
      event,
      contentTypes: await reader.contentTypes([event.object.type], limits),
    });
  }

  async function answer(req: Request, { uuid }: Target): Promise<unknown> {
    if (req.method !== 'GET' && req.method !== 'HEAD') {
      throw new Stop({ status: 405, message: `Method "${req.method}" not allowed.` }, { Allow: METHODS });
    }
    const { tenants = [] } = await authenticate(req);
    return uuid === undefined ? list(req, { tenants }) : detail(req, { tenants }, uuid);
  }

  function toStop(error: unknown): Stop {
    if (error instanceof Stop) return error;
    if (error instanceof BadParameter) {
      return new Stop({ status: 400, message: error.message, parameter: error.parameter });
    }
    reporter.error(
      error instanceof AuditError
        ? error
        : new AuditError('AUDIT_QUERY_FAILED', `Answering a query of ${dialect.name} failed.`, {
            cause: error,
          }),
    );
    return error instanceof AuditError
      ? storeProblem(error)
      : new Stop({ status: 500, message: 'The query failed.' });
  }

  /** Not by `res.json`: the app's settings for it (a replacer, an ETag) are for the app's own answers. */
  function send(req: Request, res: Response, status: number, body: unknown): void {
    const text = JSON.stringify(body);
    res.statusCode = status;
    res.setHeader('Cache-Control', 'no-store');
    res.setHeader('Content-Type', 'application/json; charset=utf-8');
    res.setHeader('Content-Length', Buffer.byteLength(text));
    if (req.method === 'HEAD') res.end();
    else res.end(text);
  }

  return function auditRouter(req, res, next) {
    const target = targetOf(req, dialect.renderDetail !== undefined);
    if (target === null) return next();
    answer(req, target)
      .then((body) => send(req, res, 200, body))
      .catch((error: unknown) => {
        const { problem, headers } = toStop(error);
        if (res.headersSent) return;
        res.set(headers);
        send(req, res, problem.status, dialect.renderProblem(problem, req));
      });
  };
}

function unknownOption(name: string): AuditOptionError {
  const near = suggest(name, ROUTER_OPTIONS);
  const remedy =
    near === undefined ? `Known options are ${ROUTER_OPTIONS.join(', ')}.` : `Did you mean '${near}'?`;
  return new AuditOptionError('AUDIT_UNKNOWN_OPTION', `Option '${name}' of router() is not known. ${remedy}`);
}

function unknownDialect(name: unknown, known: readonly string[]): AuditOptionError {
  const near = suggest(String(name), known);
  const remedy = near === undefined ? `Known are ${known.join(', ')}.` : `Did you mean '${near}'?`;
  const message = `Option 'dialect' of router() is wrong: ${JSON.stringify(name)}. ${remedy}`;
  return new AuditOptionError('AUDIT_INVALID_OPTION', message);
}

/**
 * @param dialects all there are, the default first
 * @throws {AuditOptionError} a router without a way to authenticate would be open to everybody
 */
export function parseRouterOptions(
  options: unknown,
  dialects: readonly [Dialect, ...Dialect[]],
): Pick<RouterParts, 'dialect' | 'authenticate'> {
  const given = (options ?? {}) as Readonly<Record<string, unknown>>;
  for (const name of Object.keys(given)) if (!ROUTER_OPTIONS.includes(name)) throw unknownOption(name);
  const { dialect: name = dialects[0].name, authenticate } = given;
  const dialect = dialects.find((one) => one.name === name);
  if (dialect === undefined)
    throw unknownDialect(
      name,
      dialects.map((one) => one.name),
    );
  if (typeof authenticate === 'function') return { dialect, authenticate: authenticate as Authenticate };
  throw new AuditOptionError(
    'AUDIT_INVALID_OPTION',
    "Option 'authenticate' of router() is missing: the trail must not be open to everybody. Pass staticTokens({ ... }) or a function of your own.",
  );
}
