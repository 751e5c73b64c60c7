import { z } from 'zod';
import type { StoredEvent } from '../../event';
import type { Dialect, ListQuery, ListResult, Parameters, Problem } from '../dialect';
import type { Condition } from '../filter';
import {
  addressParameter,
  enumParameter,
  integerParameter,
  parseParameters,
  textParameter,
} from '../parameters';
import { restProblem } from '../rest-problem';

const ACTIONS = ['create', 'update', 'delete', 'access'] as const;
const LARGEST_PAGE = 2_147_483_647;

const parameters = {
  user_id: textParameter().optional(),
  ip_address: addressParameter().optional(),
  action_type: enumParameter(ACTIONS).optional(),
  object_id: textParameter().optional(),
  page: integerParameter(1, LARGEST_PAGE).default(1),
  page_size: integerParameter(1, 1_000).default(25),
} satisfies z.ZodRawShape;

const FIELDS = [
  ['user_id', 'user.id'],
  ['ip_address', 'remoteAddr'],
  ['action_type', 'action'],
  ['object_id', 'object.id'],
] as const;

function parse(given: Parameters): ListQuery {
  const asked = parseParameters(parameters, given);
  const where: Condition[] = [];
  for (const [name, field] of FIELDS) {
    const value = asked[name];
    if (value !== undefined) where.push({ field, op: 'eq', value });
  }
  return {
    filter: { where, visibility: 'object-level' },
    sort: [{ field: 'timestamp', descending: true }],
    page: { skip: (asked.page - 1) * asked.page_size, limit: asked.page_size },
  };
}

function checkPage({ page }: ListQuery, count: number): Problem | null {
  return page.skip > 0 && page.skip >= count ? { status: 404, message: 'Invalid page.' } : null;
}

function renderEvent(event: StoredEvent, contentTypes: ReadonlyMap<string, number>) {
  const userId = event.user?.id ?? null;
  return {
    id: event.uuid,
    tenant_id: event.tenant,
    user_id: userId,
    created_by: userId,
    action_type: event.action,
    timestamp: event.timestamp.toISOString(),
    ip_address: event.remoteAddr,
    user_agent: event.userAgent ?? '',
    before_state: event.before,
    after_state: event.after,
    object_id: event.object.id,
    content_type: contentTypes.get(event.object.type) ?? null,
  };
}

function render({ events, count, query, contentTypes }: ListResult) {
  const { skip, limit } = query.page;
  const current = skip / limit + 1;
  // as Django's paginator: nothing is one empty page
  const total = Math.max(1, Math.ceil(count / limit));
  return {
    count,
    total_pages: total,
    current_page: current,
    has_previous: current > 1,
    has_next: current < total,
    previous_page: current > 1 ? current - 1 : null,
    next_page: current < total ? current + 1 : null,
    results: events.map((event) => renderEvent(event, contentTypes)),
  };
}

const text = z.string().nullable();
const page = z.int().min(1);
const answer = z.object({
  count: z.int().min(0),
  total_pages: page,
  current_page: page,
  has_previous: z.boolean(),
  has_next: z.boolean(),
  previous_page: page.nullable(),
  next_page: page.nullable(),
  results: z.array(
    z.object({
      id: z.uuid(),
      tenant_id: text,
      user_id: text,
      created_by: text,
      action_type: z.enum(ACTIONS),
      timestamp: z.iso.datetime(),
      ip_address: text,
      user_agent: z.string(),
      before_state: z.unknown().meta({ description: 'Any JSON; null when unknown.' }),
      after_state: z.unknown().meta({ description: 'Any JSON; null when unknown.' }),
      object_id: z.string(),
      content_type: page.nullable(),
    }),
  ),
});

/** `GET /history/`: what became of objects, page by page. */
export const history: Dialect<'history'> = {
  name: 'history',
  summary: 'History: who created, changed, deleted or accessed which object, newest first.',
  schemes: ['Bearer'],
  hasTrailingSlash: true,
  narrowBy: ['user_id', 'object_id'],
  list: { kind: 'pages', parameters, answer, parse, checkPage, render },
  ...restProblem,
};
