import { randomUUID } from 'node:crypto';
import type { Request, RequestHandler, Response } from 'express';
import { AuditError, type Reporter } from '../errors';
import { originOf } from '../origin';
import type { EventReader, ReadLimits } from '../store';
import { readCursor, writeCursor } from './cursor';
import type { CursorList, Detail, List, PagedList, SlicedList } from './dialect';
import { type Admission, createGate } from './gate';
import { linksOf } from './links';
import { createOpenApi } from './openapi';
import { readParameters } from './parameters';
import { visibleTo } from './payload';
import { type AuditOf, ReadingLog, type RecordReading } from './reading';
import type { RouterSettings } from './router-options';
import { Stop, toStop } from './stop';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const REQUEST_ID = /^[\x20-\x7E]{1,128}$/;
const METHODS = 'GET, HEAD';
const DOCUMENT = 'openapi.json';

export interface RouterParts extends RouterSettings {
  readonly reader: EventReader;
  readonly reporter: Reporter;
  readonly limits: ReadLimits;
  readonly auditOf: AuditOf;
  /** Null when readings are not audited. */
  readonly recordReading: RecordReading | null;
}

interface Target {
  readonly kind: 'list' | 'detail' | 'document';
  /** Of a detail. */
  readonly uuid?: string;
}

/** A query on its way from its admission to its answer. */
interface Task extends Admission {
  readonly req: Request;
  readonly limits: ReadLimits;
  readonly log: ReadingLog;
}

/** What follows the mount path: nothing for the list, one segment for a detail; deeper paths are not ours. */
function targetOf(req: Request, hasDetail: boolean): Target | null {
  const [segment, ...deeper] = req.path.split('/').filter((one) => one !== '');
  if (segment === undefined) return { kind: 'list' };
  if (deeper.length > 0) return null;
  if (segment === DOCUMENT) return { kind: 'document' };
  return hasDetail ? { kind: 'detail', uuid: UUID.test(segment) ? segment.toLowerCase() : segment } : null;
}

/** As on the request's event: an id that the client sent if it is sane, else the event's own. */
function requestIdOf(req: Request): string {
  const sent = req.headers['x-request-id'];
  if (typeof sent === 'string' && REQUEST_ID.test(sent)) return sent;
  return (req as { readonly audit?: Request['audit'] }).audit?.id ?? randomUUID();
}

/**
 * Serves one dialect: authenticate, scope, parse, read, render. It is a plain handler, so that it works in the
 * routers of Express 4 and 5, at any mount path.
 */
export function createRouter(parts: RouterParts): RequestHandler {
  const { dialect, reader, reporter } = parts;
  const admit = createGate(parts);

  /** Asked once an answer. */
  async function organizationOf(tenant: string | null): Promise<Readonly<Record<string, unknown>> | null> {
    if (tenant === null) return null;
    if (parts.organizationInfo === null) return { id: tenant };
    let info: unknown;
    try {
      // as it would be sent: documents of mongoose have more to them than their fields
      info = JSON.parse(JSON.stringify((await parts.organizationInfo(tenant)) ?? null));
    } catch (cause) {
      const message = "Option 'organizationInfo' of router() threw; the query was not answered.";
      throw new AuditError('AUDIT_CALLBACK_FAILED', message, { cause });
    }
    if (info === null) throw new Stop({ status: 404, message: 'Not found.' });
    if (typeof info === 'object' && !Array.isArray(info)) return info as Readonly<Record<string, unknown>>;
    const message = "Option 'organizationInfo' of router() returned no object; the query was not answered.";
    throw new AuditError('AUDIT_CALLBACK_FAILED', message);
  }

  async function rendered(
    { reader: who, tenant, limits, log }: Task,
    found: Awaited<ReturnType<EventReader['find']>>,
  ) {
    const organization = await organizationOf(tenant);
    const types = found.map(({ object }) => object.type);
    const contentTypes = await reader.contentTypes(types, limits);
    log.found(found.length);
    return { events: found.map((event) => visibleTo(who, event)), contentTypes, organization };
  }

  async function pages(list: PagedList, task: Task): Promise<unknown> {
    const { req, scope, limits } = task;
    const query = list.parse(parametersOf(task, list));
    const [counted, events] = await Promise.all([
      reader.count(scope, query.filter, limits),
      reader.find(scope, query.filter, query.sort, query.page, limits),
    ]);
    const { skip, limit } = query.page;
    // a last page knows the number, also when events came between the two questions
    const isLast = events.length > 0 && events.length < limit;
    const count = isLast ? skip + events.length : counted;
    const problem = list.checkPage?.(query, count) ?? null;
    if (problem !== null) throw new Stop(problem);
    return list.render({ ...(await rendered(task, events)), count, query, links: linksOf(req) });
  }

  async function slices(list: SlicedList, task: Task): Promise<unknown> {
    const query = list.parse(parametersOf(task, list));
    const { filter, sort, page } = query;
    const events = await reader.find(task.scope, filter, sort, page, task.limits);
    return list.render({ ...(await rendered(task, events)), query });
  }

  async function cursors(list: CursorList, task: Task): Promise<unknown> {
    const query = list.parse(parametersOf(task, list));
    const { filter, descending, limit, cursor } = query;
    const binding = { dialect: dialect.name, filter, descending };
    const from = cursor === null ? null : readCursor(cursor.parameter, cursor.text, cursor.side, binding);
    const page = await reader.walk(task.scope, filter, { descending, limit, from }, task.limits);
    const before = writeCursor(page.before, binding);
    const after = writeCursor(page.after, binding);
    return list.render({ ...(await rendered(task, page.events)), query, cursors: { before, after } });
  }

  function parametersOf({ req, log }: Task, list: List) {
    const parameters = readParameters(req.originalUrl, Object.keys(list.parameters), list.repeatable);
    log.asked(parameters);
    return parameters;
  }

  async function detail(one: Detail, uuid: string, { req, reader: who, scope, limits, log }: Task) {
    log.asked(readParameters(req.originalUrl, []));
    const event = UUID.test(uuid) ? await reader.get(scope, uuid, limits) : null;
    if (event === null) throw new Stop({ status: 404, message: 'Not found.' });
    log.found(1);
    const contentTypes = await reader.contentTypes([event.object.type], limits);
    return one.render({ event: visibleTo(who, event), contentTypes });
  }

  /** The time limit of one query; a client may ask for less. */
  function limitsOf(req: Request, res: Response): ReadLimits {
    const { prefer } = req.headers;
    const header = Array.isArray(prefer) ? prefer.join(', ') : prefer;
    const preference = dialect.preference?.apply(header, parts.limits.maxTimeMS);
    if (preference === undefined) return parts.limits;
    if (preference.applied !== null) res.setHeader('Preference-Applied', preference.applied);
    return { ...parts.limits, maxTimeMS: preference.maxTimeMS };
  }

  async function answer(req: Request, res: Response, target: Target, log: ReadingLog): Promise<unknown> {
    if (req.method !== 'GET' && req.method !== 'HEAD')
      throw new Stop({ status: 405, message: `Method "${req.method}" not allowed.` }, { Allow: METHODS });
    if (target.kind === 'document') {
      readParameters(req.originalUrl, []);
      const { protocol, host } = originOf(req);
      return createOpenApi(dialect, { server: `${protocol}://${host}`, mount: req.baseUrl });
    }
    const admission = await admit(req, (admitted) => log.admitted(admitted));
    const task = { ...admission, req, limits: limitsOf(req, res), log };
    if (dialect.detail !== undefined && target.uuid !== undefined)
      return detail(dialect.detail, target.uuid, task);
    const { list } = dialect;
    if (list.kind === 'slices') return slices(list, task);
    return list.kind === 'pages' ? pages(list, task) : cursors(list, task);
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
    const target = targetOf(req, dialect.detail !== undefined);
    if (target === null) return next();
    const log = new ReadingLog(parts, req, res, target.uuid);
    answer(req, res, target, log)
      .then((body) => {
        log.answered(200);
        send(req, res, 200, body);
      })
      .catch((error: unknown) => {
        const { problem, headers } = toStop(error, dialect, reporter);
        if (res.headersSent) return;
        log.answered(problem.status);
        res.set(headers);
        const context = { requestId: requestIdOf(req), timestamp: new Date() };
        send(req, res, problem.status, dialect.renderProblem(problem, context));
      });
  };
}
