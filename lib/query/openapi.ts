import { z } from 'zod';
import type { StoredEvent } from '../event';
import type { Dialect, Problem } from './dialect';

type Schema = Record<string, unknown>;

const VERSION = '1.0.0';
const SECURITY = 'credential';
const UUID = '0190a6d0-5b1c-7000-8000-000000000001';
const REASONS: Readonly<Record<number, string>> = {
  400: 'A parameter is unknown, repeated, bracketed or has a value that is not allowed.',
  401: 'No credential, or a wrong one.',
  403: 'The reader lacks the permission.',
  404: 'There is no such thing, or none that the reader may see.',
  405: 'Only GET and HEAD are allowed.',
  500: 'The query failed.',
  503: 'The store is not reachable.',
  504: 'The query, or its count, took longer than allowed.',
};
/** What a problem's answer always carries besides its body. */
const HEADERS: Readonly<Record<number, readonly [name: string, schema: Schema]>> = {
  401: ['WWW-Authenticate', { type: 'string' }],
  405: ['Allow', { type: 'string', const: 'GET, HEAD' }],
  503: ['Retry-After', { type: 'integer', minimum: 1 }],
};

const PREFERENCE_APPLIED = { 'Preference-Applied': { schema: { type: 'string' } } };

/** Where a document is served. */
export interface DocumentPlace {
  /** Scheme and host. */
  readonly server: string;
  /** The router's mount path as the client asked for it. */
  readonly mount: string;
}

/** A schema in JSON Schema 2020-12, the dialect of OpenAPI 3.1. */
function toSchema(schema: z.ZodType, io: 'input' | 'output'): Schema {
  const { $schema: _, ...plain } = z.toJSONSchema(schema, {
    io,
    unrepresentable: 'any',
    override({ jsonSchema }) {
      // digits on the wire: rules for texts mean nothing to an integer
      if (jsonSchema.type === 'integer') delete jsonSchema.pattern;
    },
  });
  return plain;
}

/** An event that shows every field, so that examples are what the dialect really writes. */
function sampleEvent(): StoredEvent {
  const timestamp = new Date('2026-01-31T12:00:00.000Z');
  const before = { name: 'Ann' };
  const after = { name: 'Anne' };
  return {
    uuid: UUID,
    id: 123,
    writer: UUID,
    sequence: 1,
    version: 1,
    timestamp,
    recordedAt: timestamp,
    kind: 'change',
    status: 'success',
    commitId: UUID,
    requestId: 'b7ad6b71-2a4b-4c7e-9f6c-0d6a7a3f3c10',
    traceId: null,
    spanId: null,
    source: 'shop',
    action: 'update',
    name: 'UserRenamed',
    user: { id: '42', email: 'ann@example.org', name: 'Ann' },
    onBehalfOf: null,
    system: false,
    tenant: 'acme',
    object: { type: 'users', id: '42' },
    association: null,
    content: { reason: 'marriage' },
    before,
    after,
    diff: [{ kind: 'E', path: ['name'], lhs: 'Ann', rhs: 'Anne' }],
    exact: true,
    partial: false,
    changeCount: null,
    labels: { operatorId: 7, companyId: 3, caller: 'web' },
    error: null,
    method: 'PUT',
    url: 'https://shop.example/users/42',
    route: '/users/:id',
    host: 'shop.example',
    queryParams: null,
    postData: after,
    postDataState: 'captured',
    headers: { 'content-type': 'application/json' },
    remoteAddr: '127.0.0.1',
    peerAddr: '127.0.0.1',
    userAgent: 'curl/8.5.0',
    client: { browser: 'curl 8.5.0', os: null, device: null, kind: 'api' },
    statusCode: 200,
    durationMs: 12.5,
    responseBytes: 512,
    outcome: 'completed',
    truncated: [],
    gap: null,
  };
}

function listExample({ list, tenant }: Dialect, url: string): unknown {
  const contentTypes = new Map([['users', 1]]);
  const organization = tenant === undefined ? null : { id: 'acme' };
  const common = { events: [sampleEvent()], contentTypes, organization };
  if (list.kind === 'cursors')
    return list.render({ ...common, query: list.parse(new Map()), cursors: { before: null, after: null } });
  return list.render({ ...common, count: 1, query: list.parse(new Map()), links: { with: () => url } });
}

function isPlain(value: unknown): boolean {
  return (
    ['string', 'number', 'boolean'].includes(typeof value) || (Array.isArray(value) && value.every(isPlain))
  );
}

function parameter(name: string, place: 'query' | 'header' | 'path', schema: z.ZodType): Schema {
  const { description, ...rest } = toSchema(schema, 'input');
  const absent = schema.safeParse(undefined);
  // zod leaves out what a schema that transforms falls back to
  if (absent.success && isPlain(absent.data)) rest.default = absent.data;
  return {
    name,
    in: place,
    required: place === 'path' || !absent.success,
    ...(description !== undefined && { description }),
    schema: rest,
    ...(rest.type === 'array' && { style: 'form', explode: true }),
  };
}

function listParameters({ tenant, preference, list }: Dialect): Schema[] {
  const path = tenant === undefined ? [] : [parameter(tenant.parameter, 'path', tenant.schema)];
  const header =
    preference === undefined
      ? []
      : [{ ...parameter('Prefer', 'header', preference.schema), required: false }];
  const query = Object.entries(list.parameters).map(([name, schema]) =>
    parameter(name, 'query', schema as z.ZodType),
  );
  return [...path, ...header, ...query];
}

function problemResponse(dialect: Dialect, problem: Problem): Schema {
  const header = HEADERS[problem.status];
  const context = { requestId: UUID, timestamp: new Date('2026-01-31T12:00:00.000Z') };
  return {
    description: REASONS[problem.status],
    ...(header !== undefined && { headers: { [header[0]]: { required: true, schema: header[1] } } }),
    content: {
      'application/json': {
        schema: { $ref: '#/components/schemas/Problem' },
        example: dialect.renderProblem(problem, context),
      },
    },
  };
}

function problemsOf(dialect: Dialect): Readonly<Record<string, Problem>> {
  const [name = 'page'] = Object.keys(dialect.list.parameters);
  const problems: Problem[] = [
    { status: 400, message: 'Not allowed. Received "x".', parameter: name },
    { status: 401, message: 'Invalid token.', credential: 'invalid' },
    ...(dialect.permission === undefined
      ? []
      : [{ status: 403, message: `The permission ${dialect.permission} is required.` } as const]),
    { status: 404, message: 'Not found.' },
    { status: 405, message: 'Method "POST" not allowed.' },
    { status: 500, message: 'The query failed.' },
    { status: 503, message: 'The audit store is not reachable. Try again later.' },
    { status: 504, message: `The query took too long. Narrow it, for example by ${dialect.narrowBy[0]}.` },
  ];
  return Object.fromEntries(problems.map((problem) => [problem.status, problem]));
}

function operation(dialect: Dialect, id: string, parameters: Schema[], answer: z.ZodType, example: unknown) {
  const problems = Object.keys(problemsOf(dialect)).map((status) => [
    status,
    { $ref: `#/components/responses/${status}` },
  ]);
  const isStrict = 'Strict input: a parameter that is not listed here, or given more often, is answered 400.';
  return {
    operationId: id,
    summary: dialect.summary,
    description: isStrict,
    parameters,
    security: [{ [SECURITY]: [] }],
    responses: {
      200: {
        description: 'Successful response.',
        ...(dialect.preference !== undefined && { headers: PREFERENCE_APPLIED }),
        content: { 'application/json': { schema: toSchema(answer, 'output'), example } },
      },
      ...Object.fromEntries(problems),
    },
  };
}

function securityScheme({ schemes: [scheme = 'Token'] }: Dialect): Schema {
  if (scheme === 'Bearer') return { type: 'http', scheme: 'bearer' };
  const description = `\`${scheme} <key>\``;
  return { type: 'apiKey', in: 'header', name: 'Authorization', description };
}

/** The path of the list as the reference writes it, with the tenant as a parameter. */
function pathOf({ tenant, hasTrailingSlash }: Dialect, mount: string): string {
  const segments = mount.split('/').filter((segment) => segment !== '');
  if (tenant !== undefined) {
    const own = tenant.mount.split('/').filter((segment) => segment !== '');
    const named = own.map((segment) => (segment.startsWith(':') ? `{${segment.slice(1)}}` : segment));
    segments.splice(-own.length, own.length, ...named);
  }
  return `/${segments.join('/')}${hasTrailingSlash && segments.length > 0 ? '/' : ''}`;
}

/** The OpenAPI 3.1 document of a dialect, made from the schemas that parse its requests. */
export function createOpenApi(dialect: Dialect, { server, mount }: DocumentPlace): Schema {
  const { name, summary, detail, list } = dialect;
  const path = pathOf(dialect, mount);
  const example = listExample(dialect, server + path);
  const paths: Schema = {
    [path]: { get: operation(dialect, 'list', listParameters(dialect), list.answer, example) },
  };
  if (detail !== undefined) {
    const uuid = parameter('uuid', 'path', z.uuid());
    const one = detail.render({ event: sampleEvent(), contentTypes: new Map([['users', 1]]) });
    const detailPath = `${path.replace(/\/$/, '')}/{uuid}${dialect.hasTrailingSlash ? '/' : ''}`;
    paths[detailPath] = { get: operation(dialect, 'detail', [uuid], detail.answer, one) };
  }
  const problems = Object.entries(problemsOf(dialect));
  return {
    openapi: '3.1.0',
    info: { title: name, version: VERSION, summary, license: { name: 'MIT', identifier: 'MIT' } },
    servers: [{ url: server }],
    paths,
    components: {
      securitySchemes: { [SECURITY]: securityScheme(dialect) },
      schemas: { Problem: toSchema(dialect.problem, 'output') },
      responses: Object.fromEntries(
        problems.map(([status, problem]) => [status, problemResponse(dialect, problem)]),
      ),
    },
  };
}
