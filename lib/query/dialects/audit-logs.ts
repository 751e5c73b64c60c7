import { STATUS_CODES } from 'node:http';
import { z } from 'zod';
import type { Action, StoredEvent } from '../../event';
import { BadParameter, type CursorQuery, type CursorResult, type Dialect, type Parameters } from '../dialect';
import { type Condition, compareInstant } from '../filter';
import { integerId } from '../integer-id';
import {
  addressParameter,
  enumParameter,
  instantParameter,
  integerParameter,
  parseParameters,
  textParameter,
} from '../parameters';

const LARGEST_INTEGER = 2_147_483_647;
/** As long as a URL is stored; hosts and routes are shorter. */
const LONGEST_TEXT = 1_000;
const EVENTS = ['created', 'updated', 'deleted', 'associated', 'disassociated', 'unknown'] as const;

const text = () => textParameter(LONGEST_TEXT).optional();
const parameters = {
  end_cursor: textParameter().optional(),
  previous_end_cursor: textParameter().optional(),
  limit: integerParameter(1, 100).default(25),
  sort_direction: enumParameter(['asc', 'desc']).default('desc'),
  id: integerParameter(0, Number.MAX_SAFE_INTEGER).optional(),
  logName: text(),
  keycloakUuid: text(),
  keycloakEmail: text(),
  urlCalled: text(),
  ip: addressParameter().optional(),
  domain: text(),
  caller: text(),
  tableName: text(),
  entityId: integerParameter(0, LARGEST_INTEGER).optional(),
  entityIdString: text(),
  event: enumParameter(EVENTS).optional(),
  association: text(),
  createdAtFrom: instantParameter().optional(),
  createdAtTo: instantParameter().optional(),
} satisfies z.ZodRawShape;
type Asked = z.output<z.ZodObject<typeof parameters>>;

const FIELDS = [
  ['logName', 'source'],
  ['keycloakUuid', 'user.id'],
  ['keycloakEmail', 'user.email'],
  ['urlCalled', 'url'],
  ['ip', 'remoteAddr'],
  ['domain', 'host'],
  ['tableName', 'object.type'],
  ['entityIdString', 'object.id'],
  ['association', 'association.name'],
] as const;

const ACTIONS = {
  created: 'create',
  updated: 'update',
  deleted: 'delete',
  unknown: 'access',
} as const satisfies Record<string, Action>;

/** The association's change if there is one, else what the action was. */
function eventIs(event: (typeof EVENTS)[number]): Condition[] {
  if (event === 'associated' || event === 'disassociated')
    return [{ field: 'association.change', op: 'eq', value: event }];
  return [
    { field: 'association.change', op: 'eq', value: null },
    { field: 'action', op: 'eq', value: ACTIONS[event] },
  ];
}

/** The label if there is one, else the route. */
function callerIs(value: string): Condition {
  const route: Condition[] = [
    { field: 'labels.caller', op: 'eq', value: null },
    { field: 'route', op: 'eq', value },
  ];
  return {
    op: 'or',
    of: [
      { field: 'labels.caller', op: 'eq', value },
      { op: 'and', of: route },
    ],
  };
}

function conditionsOf(asked: Asked): Condition[] {
  const where: Condition[] = [];
  if (asked.id !== undefined) where.push({ field: 'id', op: 'eq', value: asked.id });
  for (const [name, field] of FIELDS) {
    const value = asked[name];
    if (value !== undefined) where.push({ field, op: 'eq', value });
  }
  if (asked.entityId !== undefined)
    where.push({ field: 'object.id', op: 'eq', value: String(asked.entityId) });
  if (asked.caller !== undefined) where.push(callerIs(asked.caller));
  if (asked.event !== undefined) where.push(...eventIs(asked.event));
  if (asked.createdAtFrom !== undefined) where.push(compareInstant('gte', asked.createdAtFrom));
  if (asked.createdAtTo !== undefined) where.push(compareInstant('lte', asked.createdAtTo));
  return where;
}

function cursorOf({ end_cursor: after, previous_end_cursor: before }: Asked): CursorQuery['cursor'] {
  if (after !== undefined && before !== undefined)
    throw new BadParameter(
      'previous_end_cursor',
      `Must not be given together with end_cursor. Received ${JSON.stringify(before.slice(0, 64))}.`,
    );
  if (after !== undefined) return { parameter: 'end_cursor', text: after, side: 'after' };
  if (before !== undefined) return { parameter: 'previous_end_cursor', text: before, side: 'before' };
  return null;
}

function parse(given: Parameters): CursorQuery {
  const asked = parseParameters(parameters, given);
  return {
    filter: { where: conditionsOf(asked), visibility: 'object-level' },
    descending: asked.sort_direction === 'desc',
    limit: asked.limit,
    cursor: cursorOf(asked),
  };
}

/** A label in a field that the reference types as an integer. */
function integerLabel(label: string | number | undefined): number | null {
  if (typeof label === 'number') return Number.isSafeInteger(label) ? label : null;
  return label === undefined ? null : integerId(label);
}

function renderEvent(event: StoredEvent) {
  const { labels, object, content, before, after, diff } = event;
  return {
    id: event.id,
    logName: event.source,
    keycloakUuid: event.user?.id ?? null,
    keycloakEmail: event.user?.email ?? null,
    urlCalled: event.url,
    operatorId: integerLabel(labels.operatorId),
    companyId: integerLabel(labels.companyId),
    ip: event.remoteAddr,
    domain: event.host,
    caller: labels.caller === undefined ? event.route : String(labels.caller),
    tableName: object.type,
    entityId: integerId(object.id),
    entityIdString: object.id,
    association: event.association?.name ?? null,
    properties: { content, before, after, diff },
    createdAt: event.timestamp.toISOString(),
  };
}

const render = ({ events, cursors }: CursorResult) => ({
  data: events.map(renderEvent),
  end_cursor: cursors.after,
  previous_end_cursor: cursors.before,
});

const known = z.string().nullable();
const label = z.int().nullable();
const answer = z.object({
  data: z.array(
    z.object({
      id: z.int(),
      logName: known,
      keycloakUuid: known,
      keycloakEmail: known,
      urlCalled: known,
      operatorId: label,
      companyId: label,
      ip: known,
      domain: known,
      caller: known,
      tableName: z.string(),
      entityId: z.int().min(0).max(LARGEST_INTEGER).nullable(),
      entityIdString: z.string(),
      association: known,
      properties: z.object({
        content: z.unknown().meta({ description: 'Any JSON; null when unknown.' }),
        before: z.unknown().meta({ description: 'Any JSON; null when unknown.' }),
        after: z.unknown().meta({ description: 'Any JSON; null when unknown.' }),
        diff: z.array(z.unknown()).nullable(),
      }),
      createdAt: z.iso.datetime(),
    }),
  ),
  end_cursor: known,
  previous_end_cursor: known,
});

/** `GET /v2/audit-logs`: one log after the other, by cursors that stay right while others are written. */
export const auditLogs: Dialect<'audit-logs'> = {
  name: 'audit-logs',
  summary: 'Audit logs: who created, changed, deleted, associated or accessed what, newest first.',
  schemes: ['Bearer'],
  hasTrailingSlash: false,
  narrowBy: ['keycloakUuid', 'createdAtFrom'],
  list: { kind: 'cursors', parameters, answer, parse, render },
  problem: z.object({ statusCode: z.int(), error: z.string(), message: z.array(z.string()) }),
  renderProblem: ({ status, message, parameter }) => ({
    statusCode: status,
    error: STATUS_CODES[status] ?? 'Error',
    message: [parameter === undefined ? message : `${parameter}: ${message}`],
  }),
};
