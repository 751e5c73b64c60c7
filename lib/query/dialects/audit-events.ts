import { z } from 'zod';
import type { StoredEvent } from '../../event';
import type { Dialect, ListQuery, ListResult, Parameters, Problem } from '../dialect';
import { type Condition, compareInstant, type SortField } from '../filter';
import { integerId } from '../integer-id';
import {
  enumParameter,
  instantParameter,
  integerParameter,
  parseParameters,
  textParameter,
} from '../parameters';
import { restProblem } from '../rest-problem';

const LARGEST_INTEGER = 2_147_483_647;

const SORTS: Readonly<Record<string, SortField>> = {
  timestamp: 'timestamp',
  user: 'user.id',
  content_type: 'object.type',
  object_id: 'object.id',
  url: 'url',
  remote_addr: 'remoteAddr',
};
const sortNames = Object.keys(SORTS).flatMap((name) => [name, `-${name}`]) as [string, ...string[]];

const listParameters = {
  content_type: integerParameter(0, LARGEST_INTEGER).optional(),
  object_id: textParameter().optional(),
  user: textParameter().optional(),
  timestamp: instantParameter().optional(),
  timestamp__gt: instantParameter().optional(),
  timestamp__gte: instantParameter().optional(),
  timestamp__lt: instantParameter().optional(),
  timestamp__lte: instantParameter().optional(),
  sort: enumParameter(sortNames).default('-timestamp'),
  page: integerParameter(1, LARGEST_INTEGER).default(1),
  limit: integerParameter(1, 1_000).default(25),
} satisfies z.ZodRawShape;

const OPERATORS = [
  ['timestamp', 'eq'],
  ['timestamp__gt', 'gt'],
  ['timestamp__gte', 'gte'],
  ['timestamp__lt', 'lt'],
  ['timestamp__lte', 'lte'],
] as const;

function parseList(parameters: Parameters): ListQuery {
  const given = parseParameters(listParameters, parameters);
  const where: Condition[] = [];
  if (given.content_type !== undefined)
    where.push({ field: 'contentType', op: 'eq', value: given.content_type });
  if (given.object_id !== undefined) where.push({ field: 'object.id', op: 'eq', value: given.object_id });
  if (given.user !== undefined) where.push({ field: 'user.id', op: 'eq', value: given.user });
  for (const [name, op] of OPERATORS) {
    const instant = given[name];
    if (instant !== undefined) where.push(compareInstant(op, instant));
  }
  const field = SORTS[given.sort.replace(/^-/, '')] ?? 'timestamp';
  return {
    filter: { where },
    sort: [{ field, descending: given.sort.startsWith('-') }],
    page: { skip: (given.page - 1) * given.limit, limit: given.limit },
  };
}

function checkPage({ page }: ListQuery, count: number): Problem | null {
  return page.skip > 0 && page.skip >= count ? { status: 404, message: 'Invalid page.' } : null;
}

function renderEvent(event: StoredEvent, contentTypes: ReadonlyMap<string, number>) {
  const { user } = event;
  return {
    uuid: event.uuid,
    timestamp: event.timestamp.toISOString(),
    user: user === null ? null : { id: user.id, email: user.email, name: user.name },
    url: event.url,
    query_params: event.queryParams,
    post_data: event.postData,
    post_data_state: event.postDataState,
    headers: event.headers,
    remote_addr: event.remoteAddr,
    content_type: contentTypes.get(event.object.type) ?? null,
    // the reference types it as an integer; ids that are none stay texts
    object_id: integerId(event.object.id) ?? event.object.id,
    content: event.content,
    action: event.action,
    name: event.name,
    kind: event.kind,
    status: event.status,
    outcome: event.outcome,
    status_code: event.statusCode,
    duration_ms: event.durationMs,
    method: event.method,
    route: event.route,
    request_id: event.requestId,
    commit_id: event.commitId,
    tenant: event.tenant,
    user_agent: event.userAgent,
    client: event.client,
    object_type: event.object.type,
    before: event.before,
    after: event.after,
    diff: event.diff,
    labels: event.labels,
    error: event.error,
    truncated: event.truncated,
  };
}

function renderList({ events, count, query, contentTypes, links }: ListResult) {
  const { skip, limit } = query.page;
  const page = skip / limit + 1;
  return {
    count,
    next: skip + limit < count ? links.with({ page: String(page + 1) }) : null,
    // as Django REST framework does: the first page needs no number
    previous: page > 1 ? links.with({ page: page === 2 ? null : String(page - 1) }) : null,
    results: events.map((event) => renderEvent(event, contentTypes)),
  };
}

const text = z.string().nullable();
const json = z.unknown().meta({ description: 'Any JSON; null when unknown.' });
const eventAnswer = z.object({
  uuid: z.uuid(),
  timestamp: z.iso.datetime(),
  user: z.object({ id: text, email: text, name: text }).nullable(),
  url: z.url().max(1_000).nullable(),
  query_params: json,
  post_data: json,
  post_data_state: z.enum(['absent', 'captured', 'unread', 'off']),
  headers: z.record(z.string(), json).nullable(),
  remote_addr: text,
  content_type: z.int().nullable(),
  object_id: z.union([z.int().min(0).max(LARGEST_INTEGER), z.string()]),
  content: json,
  action: z.enum(['create', 'update', 'delete', 'access']),
  name: z.string(),
  kind: z.enum(['request', 'change', 'event', 'gap']),
  status: z.enum(['intent', 'success', 'failure']),
  outcome: z.enum(['completed', 'aborted', 'upgraded', 'unknown']).nullable(),
  status_code: z.int().nullable(),
  duration_ms: z.number().nullable(),
  method: text,
  route: text,
  request_id: z.string(),
  commit_id: z.uuid(),
  tenant: text,
  user_agent: text,
  client: z.object({ browser: text, os: text, device: text, kind: z.string() }).nullable(),
  object_type: z.string(),
  before: json,
  after: json,
  diff: z.array(json).nullable(),
  labels: z.record(z.string(), z.union([z.string(), z.number()])),
  error: z.object({ name: z.string(), message: z.string(), code: text }).nullable(),
  truncated: z.array(z.string()),
});
const link = z.url().nullable();

/** `GET /audit-events/` and `GET /audit-events/{uuid}/`; errors as Django REST framework writes them. */
export const auditEvents: Dialect<'audit-events'> = {
  name: 'audit-events',
  summary: 'Audit events: user actions and system changes, newest first.',
  schemes: ['Token'],
  hasTrailingSlash: true,
  narrowBy: ['timestamp__gte', 'user'],
  list: {
    kind: 'pages',
    parameters: listParameters,
    answer: z.object({ count: z.int().min(0), next: link, previous: link, results: z.array(eventAnswer) }),
    parse: parseList,
    checkPage,
    render: renderList,
  },
  detail: {
    answer: eventAnswer,
    render: ({ event, contentTypes }) => renderEvent(event, contentTypes),
  },
  ...restProblem,
};
