import { z } from 'zod';
import type { StoredEvent } from '../../event';
import type { Dialect, ListQuery, Parameters, Problem, ProblemContext, SliceResult } from '../dialect';
import { type Condition, compareId, compareInstant, type Instant, type SortField } from '../filter';
import {
  enumParameter,
  instantParameter,
  integerParameter,
  parseParameters,
  textParameter,
} from '../parameters';
import { type Comparand, predicateParameter } from '../predicate';
import { waitPreference } from '../prefer';

const STATUSES = ['success', 'failure', 'intent'] as const;
const LARGEST_SKIP = 2_147_483_647;
const LONGEST_TEXT = 256;
const CONTEXT = 'audit';
const DEFAULT_SORT = '-created_at';

const TEXT_COLUMNS = {
  actor_id: 'user.id',
  actor_name: 'user.name',
  actor_email: 'user.email',
  action: 'name',
  request_id: 'requestId',
  source: 'source',
} as const;
const COLUMNS: Readonly<Record<string, SortField>> = {
  ...TEXT_COLUMNS,
  id: 'id',
  created_at: 'timestamp',
  status: 'status',
};
const COLUMN_COUNT = Object.keys(COLUMNS).length;
const SORTS: readonly [string, ...string[]] = [
  DEFAULT_SORT,
  'created_at',
  ...Object.keys(COLUMNS)
    .filter((name) => name !== 'created_at')
    .flatMap((name) => [name, `-${name}`]),
];

/** Years of four digits with the months' own lengths and leap years; leap seconds alone are not said. */
const DAY =
  '(?:[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))|(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29)';
const HOUR = '(?:[01][0-9]|2[0-3]):[0-5][0-9]';
const TIME = `[Tt]${HOUR}:[0-5][0-9](?:\\.[0-9]+)?(?:[Zz]|[+-]${HOUR})`;

const column = (example: string) =>
  predicateParameter(['eq', '~eq', 'neq'], textParameter(LONGEST_TEXT), {
    minLength: 1,
    maxLength: LONGEST_TEXT,
    examples: [example, `~eq:${example}`, `neq:${example}`],
  }).optional();

const parameters = {
  skip: integerParameter(0, LARGEST_SKIP).default(0),
  limit: integerParameter(1, 1_000).default(100),
  created_at: predicateParameter(['eq', 'neq', 'gt', 'gte', 'lt', 'lte'], instantParameter(), {
    pattern: `^(?:(?:eq|neq|gte?|lte?):)?${DAY}(?:${TIME})?$`,
    examples: ['gte:2026-01-31T12:00:00Z', '2026-01-31'],
  }).optional(),
  sort_by: z
    .array(enumParameter(SORTS))
    .max(COLUMN_COUNT, `Must be given at most ${COLUMN_COUNT} times.`)
    .default([DEFAULT_SORT]),
  before: instantParameter().optional(),
  after: instantParameter().optional(),
  id: column('123'),
  actor_id: column('42'),
  actor_name: column('Ann'),
  actor_email: column('ann@example.org'),
  action: column('UserRenamed'),
  request_id: column('b7ad6b71-2a4b-4c7e-9f6c-0d6a7a3f3c10'),
  source: column('shop'),
  status: predicateParameter(['eq', 'neq'], enumParameter(STATUSES), {
    enum: ['', 'eq:', 'neq:'].flatMap((prefix) => STATUSES.map((status) => prefix + status)),
  }).optional(),
} satisfies z.ZodRawShape;

/** The 28th where the year before has no 29th of February. */
function oneYearBefore(now: Date): Date {
  const date = new Date(now);
  date.setUTCFullYear(now.getUTCFullYear() - 1);
  if (date.getUTCMonth() !== now.getUTCMonth()) date.setUTCDate(0);
  return date;
}

const exactly = (date: Date): Instant => ({ date, hasRemainder: false });
const operatorOf = ({ predicate }: Comparand<'eq' | '~eq' | 'neq', string>) =>
  predicate === '~eq' ? 'contains' : predicate;

function parse(given: Parameters): ListQuery {
  const asked = parseParameters(parameters, given);
  const { created_at, id, status } = asked;
  const now = new Date();
  const where: Condition[] = [
    compareInstant('lt', asked.before ?? exactly(now)),
    compareInstant('gt', asked.after ?? exactly(oneYearBefore(now))),
  ];
  if (created_at !== undefined) where.push(compareInstant(created_at.predicate, created_at.value));
  if (id !== undefined) where.push(compareId(operatorOf(id), id.value));
  for (const name of Object.keys(TEXT_COLUMNS) as (keyof typeof TEXT_COLUMNS)[]) {
    const comparand = asked[name];
    if (comparand !== undefined)
      where.push({ field: TEXT_COLUMNS[name], op: operatorOf(comparand), value: comparand.value });
  }
  if (status !== undefined) where.push({ field: 'status', op: status.predicate, value: status.value });
  const sort = asked.sort_by.map((text) => {
    const descending = text.startsWith('-');
    return { field: COLUMNS[descending ? text.slice(1) : text] ?? 'timestamp', descending };
  });
  return { filter: { where }, sort, page: { skip: asked.skip, limit: asked.limit } };
}

/** What the app said, and what is known of the request: no content can pass itself off as that. */
function fieldsOf({ content, method, url, statusCode }: StoredEvent) {
  const isObject = typeof content === 'object' && content !== null && !Array.isArray(content);
  const own = isObject ? content : content === null ? {} : { content };
  return { ...own, method, url, status_code: statusCode };
}

function renderEvent(event: StoredEvent) {
  return {
    id: event.id,
    created_at: event.timestamp.toISOString(),
    actor_id: event.user?.id ?? null,
    actor_name: event.user?.name ?? null,
    actor_email: event.user?.email ?? null,
    action: event.name,
    fields: fieldsOf(event),
    request_id: event.requestId,
    source_ip_address: event.remoteAddr,
    commit_id: event.commitId,
    status: event.status,
    source: event.source,
  };
}

const render = ({ events }: SliceResult) => ({ data: { logs: events.map(renderEvent) } });

const text = z.string().nullable();
const answer = z.object({
  data: z.object({
    logs: z.array(
      z.object({
        id: z.int().min(1),
        created_at: z.iso.datetime(),
        actor_id: text,
        actor_name: text,
        actor_email: text,
        action: z.string(),
        fields: z.looseObject({ method: text, url: text, status_code: z.int().nullable() }),
        request_id: z.string(),
        source_ip_address: text,
        commit_id: z.uuid(),
        status: z.enum(STATUSES),
        source: text,
      }),
    ),
  }),
});

const problem = z.object({
  http_status: z.int(),
  timestamp: z.iso.datetime(),
  request_id: z.string(),
  errors: z.array(z.object({ context: z.literal(CONTEXT), message: z.string() })).min(1),
});

function renderProblem({ status, parameter, message }: Problem, context: ProblemContext) {
  const named = parameter === undefined ? message : `${parameter}: ${message}`;
  return {
    http_status: status,
    timestamp: context.timestamp.toISOString(),
    request_id: context.requestId,
    errors: [{ context: CONTEXT, message: named }],
  };
}

/** `GET /api/v2/audit`: every event, intents too, by predicates on its columns. */
export const audit: Dialect<'audit'> = {
  name: 'audit',
  summary: 'Audit logs: every event, intents and outcomes each, filtered by predicates on the columns.',
  schemes: ['Bearer'],
  hasTrailingSlash: false,
  narrowBy: ['after', 'actor_id'],
  preference: waitPreference,
  list: { kind: 'slices', parameters, repeatable: ['sort_by'], answer, parse, render },
  problem,
  renderProblem,
};
