import type { Router } from 'express';
import { z } from 'zod';
import { type AuditError, createAudit, type Reader, staticTokens } from '../../lib/index';
import { BadParameter, type Dialect } from '../../lib/query/dialect';
import { enumParameter, integerParameter, parseParameters, textParameter } from '../../lib/query/parameters';
import { createRouter } from '../../lib/query/router';
import { EXPRESSES, freshUri } from '../support/app';
import { type Answer, ask, closedAtEnd, row, startTrail, type Trail } from './trail';

const parameters = {
  next: textParameter().optional(),
  previous: textParameter().optional(),
  limit: integerParameter(1, 100).default(2),
  sort: enumParameter(['asc', 'desc']).default('desc'),
  label: z.array(textParameter()).default([]),
} satisfies z.ZodRawShape;

/** An API that has everything which the published ones have one by one. */
const everything: Dialect = {
  name: 'everything',
  summary: 'Everything.',
  schemes: ['Bearer'],
  hasTrailingSlash: false,
  narrowBy: ['label'],
  permission: 'audit.list',
  tenant: { parameter: 'orgId', mount: '/:orgId/trail', schema: z.string().regex(/^[a-z]{1,8}$/) },
  preference: {
    schema: z.string(),
    apply(header, maxTimeMS) {
      if (header === 'wait=x') throw new BadParameter('Prefer', 'Must be wait=N.');
      return header === undefined ? { maxTimeMS, applied: null } : { maxTimeMS: 1_000, applied: header };
    },
  },
  list: {
    kind: 'cursors',
    parameters,
    repeatable: ['label'],
    answer: z.unknown(),
    parse(given) {
      const { next, previous, limit, sort, label } = parseParameters(parameters, given);
      const cursor =
        next !== undefined
          ? ({ parameter: 'next', text: next, side: 'after' } as const)
          : previous !== undefined
            ? ({ parameter: 'previous', text: previous, side: 'before' } as const)
            : null;
      const where = label.length === 0 ? [] : [{ field: 'labels.shop', op: 'in', value: label } as const];
      return { filter: { where }, descending: sort === 'desc', limit, cursor };
    },
    render: ({ events, cursors, organization }) => ({
      ids: events.map(({ id }) => id),
      next: cursors.after,
      previous: cursors.before,
      organization,
    }),
  },
  problem: z.unknown(),
  renderProblem: ({ status, parameter, credential, message }, { requestId }) => ({
    status,
    parameter,
    credential,
    message,
    requestId,
  }),
};

const READERS: Readonly<Record<string, Reader>> = {
  'fake-token-all': { id: 'all', tenants: '*', permissions: ['audit.list'] },
  'fake-token-b': { id: 'b', tenants: ['b'], permissions: ['audit.list', 'x'] },
  'fake-token-none': { id: 'none', tenants: '*', permissions: ['audit'] },
};
const rows = Array.from({ length: 5 }, (_, i) =>
  row(i, {
    uuid: `0190a6d0-0000-7000-8000-abcdef00000${i}`,
    id: i + 1,
    tenant: 'acme',
    stored: { labels: { shop: i < 3 ? `s${i}` : i } },
  }),
);

describe.each(EXPRESSES)('a dialect on %s', (_, express) => {
  let trail: Trail;
  const asked: string[] = [];

  beforeAll(async () => {
    const mongo = freshUri();
    const audit = closedAtEnd(createAudit({ mongo, auditReads: false }));
    const make = (reporter: Error[]) =>
      createRouter({
        dialect: everything,
        authenticate: staticTokens(READERS),
        organizationInfo: (id) => {
          asked.push(id);
          return id === 'gone' ? null : { id, name: id.toUpperCase() };
        },
        reader: audit.reader,
        reporter: { error: (error) => void reporter.push(error), once: () => {}, dropped: () => {} },
        limits: { maxTimeMS: 5_000 },
        auditOf: () => undefined,
        recordReading: null,
      });
    trail = await startTrail({
      express,
      options: { mongo },
      build(app) {
        app.use('/orgs/:orgId/trail', make(errors));
        app.use('/wrong', make(errors));
        const merging: Router = express.Router({ mergeParams: true }).use('/trail', make(errors));
        app.use('/merged/:orgId', merging);
        app.use('/forgotten/:orgId', express.Router().use('/trail', make(errors)));
      },
    });
    await audit.ready();
    await trail.store(rows);
    await trail.connection.db
      ?.collection('auditcounters')
      .updateOne({ _id: 'events' as never }, { $set: { last: 5, blocks: [] } }, { upsert: true });
  });
  const errors: Error[] = [];
  const get = (path: string, token: string | null = 'fake-token-all', headers = {}): Promise<Answer> =>
    ask(`${trail.url}${path}`, {
      as: null,
      headers: { ...(token !== null && { Authorization: `Bearer ${token}` }), ...headers },
    });
  const list = async (query: string) =>
    (await get(`/orgs/acme/trail${query}`)).body as {
      ids: number[];
      next: string | null;
      previous: string | null;
    };

  it('is narrowed to the tenant in its path, of which it is told once an answer', async () => {
    asked.length = 0;
    const { body } = await get('/orgs/acme/trail?limit=100');
    expect(body).toEqual({
      ids: [5, 4, 3, 2, 1],
      next: null,
      previous: null,
      organization: { id: 'acme', name: 'ACME' },
    });
    expect(asked).toEqual(['acme']);
    expect((await get('/merged/acme/trail/')).status).toBe(200);
    expect((await get('/orgs/b/trail', 'fake-token-b')).body).toMatchObject({ ids: [] });
  });

  it.each([
    ['/orgs/acme/trail', null, { status: 401, credential: 'missing' }],
    ['/orgs/acme/trail', 'fake-token-x', { status: 401, credential: 'invalid' }],
    ['/orgs/acme/trail', 'fake-token-none', { status: 403 }],
    ['/orgs/acme/trail', 'fake-token-b', { status: 404 }],
    ['/orgs/gone/trail', 'fake-token-all', { status: 404 }],
    ['/orgs/A-1/trail', 'fake-token-all', { status: 400, parameter: 'orgId' }],
    ['/orgs/acme/trail?label=', 'fake-token-all', { status: 400, parameter: 'label' }],
    ['/orgs/acme/trail?limit=1&limit=2', 'fake-token-all', { status: 400, parameter: 'limit' }],
  ])('answers %s for %j with %j', async (path, token, problem) => {
    const answer = await get(path, token, { 'X-Request-Id': 'request-1' });
    expect(answer.status).toBe(problem.status);
    expect(answer.body).toMatchObject({ ...problem, requestId: 'request-1' });
  });

  it.each(['/wrong', '/forgotten/acme/trail'])('says so when it is mounted at %s', async (path) => {
    errors.length = 0;
    const { status, body } = await get(path);
    expect([status, body]).toMatchObject([500, { message: expect.stringContaining('/:orgId/trail') }]);
    expect((errors as AuditError[]).map(({ code }) => code)).toEqual(['AUDIT_MOUNTED_WRONG']);
  });

  it('takes a parameter more than once where it may be repeated', async () => {
    expect((await list('?label=s1&label=s0&label=4')).ids).toEqual([5, 2]);
  });

  it('lets the header Prefer change the limits, and says what was applied', async () => {
    const applied = await get('/orgs/acme/trail', 'fake-token-all', { Prefer: 'wait=1' });
    expect([applied.status, applied.headers.get('preference-applied')]).toEqual([200, 'wait=1']);
    expect((await get('/orgs/acme/trail')).headers.get('preference-applied')).toBeNull();
    const wrong = await get('/orgs/acme/trail', 'fake-token-all', { Prefer: 'wait=x' });
    expect([wrong.status, wrong.body]).toMatchObject([400, { parameter: 'Prefer' }]);
  });

  it.each(['desc', 'asc'])('is walked by cursors to the end and back, %s', async (sort) => {
    const order = sort === 'desc' ? [5, 4, 3, 2, 1] : [1, 2, 3, 4, 5];
    let page = await list(`?sort=${sort}`);
    const forward = [page.ids];
    while (page.next !== null) {
      page = await list(`?sort=${sort}&next=${page.next}`);
      forward.push(page.ids);
    }
    expect(forward).toEqual([order.slice(0, 2), order.slice(2, 4), order.slice(4)]);
    const backward = [page.ids];
    while (page.previous !== null) {
      page = await list(`?sort=${sort}&previous=${page.previous}`);
      backward.unshift(page.ids);
    }
    expect(backward).toEqual(forward);
  });

  it('refuses a cursor of another list, another direction, or of nobody', async () => {
    const { next } = await list('');
    const [version, side, time, uuid, ...rest] = Buffer.from(String(next), 'base64url').toString().split(' ');
    const forged = [
      // as the version before gave it
      ['1', side, '1', ...rest],
      ['1', side, time, uuid, ...rest],
      // at no time that there is, of no event
      [version, side, '9999999999999999', uuid, ...rest],
      [version, side, time, '1', ...rest],
      [version, side, time, uuid?.toUpperCase(), ...rest],
    ].map((parts) => Buffer.from(parts.join(' ')).toString('base64url'));
    const garbage = ['x', `${next}A`, `${next}=`, ...forged, '%00'];
    for (const query of [
      `next=${next}&sort=asc`,
      `next=${next}&label=s1`,
      `previous=${next}`,
      ...garbage.map((text) => `next=${text}`),
    ])
      expect([query, (await get(`/orgs/acme/trail?${query}`)).status]).toEqual([query, 400]);
    expect((await list(`?next=${next}&limit=1`)).ids).toEqual([3]);
  });

  it('names the tenant of its path in openapi.json', async () => {
    const { body } = await get('/orgs/acme/trail/openapi.json', null);
    const { paths } = body as {
      paths: Record<string, { get: { parameters: { name: string; in: string }[] } }>;
    };
    expect(Object.keys(paths)).toEqual(['/orgs/{orgId}/trail']);
    const names = paths['/orgs/{orgId}/trail']?.get.parameters.map((one) => `${one.in} ${one.name}`);
    const query = Object.keys(parameters).map((name) => `query ${name}`);
    expect(names).toEqual(['path orgId', 'header Prefer', ...query]);
  });
});
