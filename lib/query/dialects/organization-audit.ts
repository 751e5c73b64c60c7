import { z } from 'zod';
import type { DiffEntry, Json, StoredEvent } from '../../event';
import type { Dialect, ListQuery, ListResult, Parameters, Problem } from '../dialect';
import { type Condition, compareInstant, type SortField } from '../filter';
import {
  booleanParameter,
  enumParameter,
  instantParameter,
  integerParameter,
  parseParameters,
  textParameter,
} from '../parameters';

const LARGEST_PAGE = 2_147_483_647;
const LONGEST_TEXT = 128;
const ORGANIZATION = /^(([a-fA-F0-9]{24})|([a-zA-Z0-9-]{3,}))$/;
const OBJECT_ID = /^[a-fA-F0-9]{24}$/;

const SORTS: Readonly<Record<string, SortField>> = {
  createdAt: 'timestamp',
  updatedAt: 'recordedAt',
  id: 'uuid',
  organization: 'tenant',
  userId: 'user.id',
  userEmail: 'user.email',
  action: 'action',
  entity: 'object.type',
  entityId: 'object.id',
};
const sortNames = Object.keys(SORTS).flatMap((name) => [name, `${name}:asc`, `${name}:desc`]) as [
  string,
  ...string[],
];

const text = () => textParameter(LONGEST_TEXT).optional();
const parameters = {
  page: integerParameter(1, LARGEST_PAGE).default(1),
  limit: integerParameter(1, 1_000).default(10),
  sort: enumParameter(sortNames).default('createdAt:desc'),
  dateIni: instantParameter().optional(),
  dateEnd: instantParameter().optional(),
  entity: text(),
  userId: text(),
  userEmail: text(),
  action: text(),
  entityId: text(),
  organization: z.string().regex(OBJECT_ID, 'Must be 24 hexadecimal digits.').optional(),
  showSystem: booleanParameter().default(false),
} satisfies z.ZodRawShape;

const FIELDS = [
  ['entity', 'object.type'],
  ['userId', 'user.id'],
  ['userEmail', 'user.email'],
  ['action', 'action'],
  ['entityId', 'object.id'],
  ['organization', 'tenant'],
] as const;

function parse(given: Parameters): ListQuery {
  const asked = parseParameters(parameters, given);
  const where: Condition[] = [];
  if (asked.dateIni !== undefined) where.push(compareInstant('gte', asked.dateIni));
  if (asked.dateEnd !== undefined) where.push(compareInstant('lte', asked.dateEnd));
  for (const [name, field] of FIELDS) {
    const value = asked[name];
    if (value !== undefined) where.push({ field, op: 'eq', value });
  }
  if (!asked.showSystem) where.push({ field: 'system', op: 'eq', value: false });
  const [name = '', direction = 'asc'] = asked.sort.split(':');
  return {
    filter: { where, visibility: 'object-level' },
    sort: [{ field: SORTS[name] ?? 'timestamp', descending: direction === 'desc' }],
    page: { skip: (asked.page - 1) * asked.limit, limit: asked.limit },
  };
}

/** As deep-diff writes it, so that its clients can apply it; only that indexes in paths are texts. */
function renderDiff(entry: DiffEntry): object {
  return { ...entry, ...(entry.path !== undefined && { path: entry.path.map(String) }) };
}

const COUNTED = { N: 'added', D: 'removed', E: 'changed' } as const;

/** What became of one path; an array's entry tells it of one of its elements. */
function countedAs({ kind, item }: DiffEntry): 'added' | 'removed' | 'changed' {
  if (kind !== 'A') return COUNTED[kind];
  return item === undefined ? 'changed' : countedAs(item);
}

function summaryOf(diff: readonly DiffEntry[]) {
  const summary = { added: 0, removed: 0, changed: 0 };
  for (const entry of diff) summary[countedAs(entry)] += 1;
  return summary;
}

const jsonText = (state: Json): string | null => (state === null ? null : JSON.stringify(state));

function renderEvent(event: StoredEvent, organizationInfo: ListResult['organization']) {
  const diff = event.diff ?? [];
  return {
    id: event.uuid,
    organization: event.tenant,
    organizationInfo,
    userId: event.user?.id ?? null,
    userEmail: event.user?.email ?? null,
    action: event.action,
    entity: event.object.type,
    entityId: event.object.id,
    pre: jsonText(event.before),
    post: jsonText(event.after),
    updatedAt: event.recordedAt.toISOString(),
    createdAt: event.timestamp.toISOString(),
    diff: diff.map(renderDiff),
    summary: summaryOf(diff),
  };
}

function render({ events, count, query, organization }: ListResult) {
  const { skip, limit } = query.page;
  const page = skip / limit + 1;
  // as mongoose-paginate, whose answer this is: nothing is one empty page, and so is a page past the end
  const totalPages = Math.max(1, Math.ceil(count / limit));
  return {
    status: true,
    data: {
      items: events.map((event) => renderEvent(event, organization)),
      totalDocs: count,
      limit,
      hasPrevPage: page > 1,
      hasNextPage: page < totalPages,
      page,
      totalPages,
      prevPage: page > 1 ? page - 1 : null,
      nextPage: page < totalPages ? page + 1 : null,
      lean: true,
    },
  };
}

const known = z.string().nullable();
const organizationInfo = z
  .looseObject({
    id: z.string(),
    name: z.string(),
    slug: z.string(),
    store: z.looseObject({ customDomain: z.string() }).partial(),
    branding: z.looseObject({ logo: z.string(), picture: z.string(), primaryColor: z.string() }).partial(),
    configuration: z.looseObject({ storageProvider: z.string() }).partial(),
    createdBy: z.string(),
  })
  .partial();
const change = z.object({
  kind: z.enum(['N', 'D', 'E', 'A']),
  path: z.array(z.string()).optional(),
  lhs: z.unknown().optional(),
  rhs: z.unknown().optional(),
  index: z.int().min(0).optional(),
  item: z.unknown().optional(),
});
const amount = z.int().min(0);
const pageNumber = z.int().min(1);
const item = z.object({
  id: z.uuid(),
  organization: known,
  organizationInfo,
  userId: known,
  userEmail: known,
  action: z.enum(['create', 'update', 'delete', 'access']),
  entity: z.string(),
  entityId: z.string(),
  pre: known,
  post: known,
  updatedAt: z.iso.datetime(),
  createdAt: z.iso.datetime(),
  diff: z.array(change),
  summary: z.object({ added: amount, removed: amount, changed: amount }),
});
const answer = z.object({
  status: z.literal(true),
  data: z.object({
    items: z.array(item),
    totalDocs: amount,
    limit: z.int().min(1).max(1_000),
    hasPrevPage: z.boolean(),
    hasNextPage: z.boolean(),
    page: pageNumber,
    totalPages: pageNumber,
    prevPage: pageNumber.nullable(),
    nextPage: pageNumber.nullable(),
    lean: z.literal(true),
  }),
});

const CODES: Readonly<Partial<Record<Problem['status'], number>>> = { 400: 1001, 403: 4003, 404: 3001 };

function errorOf({ status, message, parameter, credential }: Problem) {
  if (status === 401)
    return credential === 'missing'
      ? { code: 4002, message: 'No auth token' }
      : { code: 4004, message: 'Invalid Token' };
  // the one text for whatever is not there, or not the reader's
  const own = status === 404 ? 'Entity not found' : message;
  // what the reference has no number for keeps that of HTTP
  return { code: CODES[status] ?? status, message: parameter === undefined ? own : `${parameter}: ${own}` };
}

/** `GET /v1/organizations/:organizationId/audit/`: what happened in one organization, page by page. */
export const organizationAudit: Dialect<'organization-audit'> = {
  name: 'organization-audit',
  summary: 'Audit of an organization: who created, changed, deleted or accessed what, newest first.',
  schemes: ['Bearer'],
  hasTrailingSlash: true,
  narrowBy: ['dateIni', 'userId'],
  permission: 'base.organization.audit.list',
  tenant: {
    parameter: 'organizationId',
    mount: '/:organizationId/audit',
    schema: z
      .string()
      .regex(ORGANIZATION, 'Must be 24 hexadecimal digits, or 3 or more letters, digits and dashes.'),
  },
  list: { kind: 'pages', parameters, answer, parse, render },
  problem: z.object({
    status: z.literal(false),
    error: z.object({ code: z.int(), message: z.string() }),
  }),
  renderProblem: (problem) => ({ status: false, error: errorOf(problem) }),
};
