import { z } from 'zod';
import { AuditError, createAudit, type DialectName, type EventReader, staticTokens } from '../../lib/index';
import { auditLogs } from '../../lib/query/dialects/audit-logs';
import { organizationAudit } from '../../lib/query/dialects/organization-audit';
import { createRouter } from '../../lib/query/router';
import { EXPRESSES, freshUri } from '../support/app';
import { type Ask, ask, closedAtEnd, headersOf, startTrail, type Trail } from './trail';

const authenticate = staticTokens({
  'fake-token-all': { id: 'all', tenants: '*', permissions: ['base.organization.audit.list'] },
});

interface Api {
  readonly mount: string;
  readonly path: string;
  readonly documented: string;
  readonly user: string;
  readonly parameters: number;
  readonly typed: { readonly name: string; readonly schema: object };
  readonly empty: object;
  readonly problem: (status: number, reason: string, message: string) => object;
}

const LONGEST_HEADER = 1_048_576;

/** Where the references serve them, and what is theirs of all that is common. */
const APIS: Readonly<Partial<Record<DialectName, Api>>> = {
  'organization-audit': {
    mount: '/v1/organizations/:organizationId/audit',
    path: '/v1/organizations/acme/audit',
    documented: '/v1/organizations/{organizationId}/audit/',
    user: 'userId',
    parameters: 13,
    typed: { name: 'showSystem', schema: { type: 'boolean', default: false } },
    empty: {
      status: true,
      data: {
        items: [],
        totalDocs: 0,
        limit: 10,
        hasPrevPage: false,
        hasNextPage: false,
        page: 1,
        totalPages: 1,
        prevPage: null,
        nextPage: null,
        lean: true,
      },
    },
    problem: (code, _reason, message) => ({ status: false, error: { code, message } }),
  },
  'audit-logs': {
    mount: '/v2/audit-logs',
    path: '/v2/audit-logs',
    documented: '/v2/audit-logs',
    user: 'keycloakUuid',
    parameters: 19,
    typed: { name: 'limit', schema: { type: 'integer', minimum: 1, maximum: 100, default: 25 } },
    empty: { data: [], end_cursor: null, previous_end_cursor: null },
    problem: (statusCode, error, message) => ({ statusCode, error, message: [message] }),
  },
};
const json = z.object({ 'application/json': z.object({ example: z.record(z.string(), z.json()) }) });
const operationSchema = z.looseObject({
  parameters: z.array(z.looseObject({ name: z.string() })),
  responses: z.looseObject({ 200: z.looseObject({ content: json }) }),
});
const documentSchema = z.looseObject({ paths: z.record(z.string(), z.object({ get: operationSchema })) });
const DIALECTS = { 'organization-audit': organizationAudit, 'audit-logs': auditLogs };
const cases = EXPRESSES.flatMap(([version, express]) =>
  (['organization-audit', 'audit-logs'] as const).map(
    (name) => [name, version, express, APIS[name] as Api] as const,
  ),
);

describe.each(cases)('%s on %s', (dialect, _, express, api) => {
  let trail: Trail;
  const get = (end: string, options: Ask = {}) =>
    ask(`${trail.url}${api.path}${end}`, { scheme: 'Bearer', ...options });

  beforeAll(async () => {
    trail = await startTrail({
      express,
      server: { maxHeaderSize: LONGEST_HEADER },
      build(app, audit) {
        app.set('query parser', () => ({ [api.user]: { $ne: null } }));
        app.use(api.mount, audit.router({ dialect, authenticate }));
      },
    });
  });

  it.each(['', '/', '?', '/?&&'])('answers the empty store at its path and %j', async (end) => {
    const answer = await get(end);
    expect([answer.status, answer.body]).toEqual([200, api.empty]);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8');
  });

  it.each(['', '/', '?limit=0', '?x[$ne]=1'])('answers HEAD of %j like GET, without a body', async (end) => {
    for (const as of ['fake-token-all', null] as const) {
      const [head, full] = [await get(end, { as, method: 'HEAD' }), await get(end, { as })];
      expect([head.text, head.status, headersOf(head)]).toEqual(['', full.status, headersOf(full)]);
    }
  });

  it('has no detail, and leaves deeper paths to the app', async () => {
    const answer = await fetch(`${trail.url}${api.path}/0190a6d0-0000-7000-8000-000000000000`);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([404, 'text/html; charset=utf-8']);
  });

  it('refuses 10,000 parameters, and answers those it shows in the end', async () => {
    const many = `${api.user}=u&`.repeat(10_000);
    expect((await get(`?${many}`)).status).toBe(400);
    expect((await get(`?${'&'.repeat(10_000)}${api.user}=nobody`)).body).toEqual(api.empty);
  });

  it('is described at openapi.json: its path, its parameters, and an example of its own answer', async () => {
    const { body } = await get('/openapi.json', { as: null });
    const { paths } = documentSchema.parse(body);
    expect(Object.keys(paths)).toEqual([api.documented]);
    const [operation] = Object.values(paths);
    expect(operation?.get.parameters).toHaveLength(api.parameters);
    const described = operation?.get.parameters.find(({ name }) => name === api.typed.name);
    expect(described).toEqual({ ...api.typed, in: 'query', required: false });
    const { example } = operation?.get.responses[200].content['application/json'] ?? {};
    expect(Object.keys(example ?? {})).toEqual(Object.keys(api.empty));
  });

  it('says in its own shape that the store is away, and when to try again', async () => {
    const gone = await startTrail({
      express,
      build: (app, audit) => void app.use(api.mount, audit.router({ dialect, authenticate })),
    });
    await gone.audit.close();
    const answer = await ask(`${gone.url}${api.path}`, { scheme: 'Bearer' });
    const message = 'The audit store is not reachable. Try again later.';
    expect([answer.status, answer.body]).toEqual([503, api.problem(503, 'Service Unavailable', message)]);
    expect(answer.headers.get('retry-after')).toBe('5');
  });

  it('says in its own shape that a query took too long, and what narrows it', async () => {
    const { reader } = closedAtEnd(createAudit({ mongo: freshUri(), auditReads: false }));
    const late = () => Promise.reject(new AuditError('AUDIT_STORE_TIMEOUT', 'Too late.', { cause: 'find' }));
    const slow: EventReader = { ...reader, find: late, walk: late, count: late };
    const app = await startTrail({
      express,
      build: (app) =>
        void app.use(
          api.mount,
          createRouter({
            dialect: DIALECTS[dialect as keyof typeof DIALECTS],
            authenticate,
            organizationInfo: null,
            reader: slow,
            reporter: { error: () => {}, once: () => {}, dropped: () => {} },
            limits: { maxTimeMS: 1 },
            auditOf: () => undefined,
            recordReading: null,
          }),
        ),
    });
    const answer = await ask(`${app.url}${api.path}`, { scheme: 'Bearer' });
    const narrow = dialect === 'audit-logs' ? 'keycloakUuid or by createdAtFrom' : 'dateIni or by userId';
    const message = `The query took too long. Narrow it, for example by ${narrow}.`;
    expect([answer.status, answer.body]).toEqual([504, api.problem(504, 'Gateway Timeout', message)]);
  });
});
