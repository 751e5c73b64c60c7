import { applyDiff, type DialectName, type DiffEntry, type Json, staticTokens } from '../../lib/index';
import type { ChangeRecorder } from '../../lib/observed-change';
import { waitFor } from '../record/wait';
import { EXPRESSES, startApp, type TestApp } from '../support/app';

const TOKEN = 'fake-token';
const reader = { id: 'auditor', tenants: '*', permissions: ['base.organization.audit.list'] } as const;

const MOUNTS: Readonly<Partial<Record<DialectName, string>>> = {
  history: '/history',
  'organization-audit': '/v1/organizations/:organizationId/audit',
  'audit-logs': '/v2/audit-logs',
};

type Row = Readonly<Record<string, unknown>>;
interface ObjectApi {
  readonly path: string;
  readonly rows: (body: Row) => readonly Row[];
  readonly id: string;
}

/** The APIs that show what became of objects, and where they keep their rows. */
const APIS: readonly (readonly [DialectName, ObjectApi])[] = [
  ['history', { path: '/history/', rows: ({ results }) => results as Row[], id: 'object_id' }],
  [
    'organization-audit',
    {
      path: '/v1/organizations/acme/audit/',
      rows: ({ data }) => (data as Row).items as Row[],
      id: 'entityId',
    },
  ],
  ['audit-logs', { path: '/v2/audit-logs', rows: ({ data }) => data as Row[], id: 'entityIdString' }],
];

const BEFORE = { name: 'tea', price: 1, password: 'fake-a', tags: ['x'] };
const AFTER = { name: 'tea', price: 2, password: 'fake-b', tags: ['x', 'y'] };
const MASK = '[REDACTED]';
const SEEN_BEFORE = { ...BEFORE, password: MASK };
const SEEN_AFTER = { ...AFTER, password: MASK };
const DIFF = [
  { kind: 'E', path: ['price'], lhs: 1, rhs: 2 },
  { kind: 'E', path: ['password'], lhs: MASK, rhs: MASK },
  { kind: 'A', path: ['tags'], index: 1, item: { kind: 'N', rhs: 'y' } },
];

describe.each(EXPRESSES)('the APIs of objects on %s', (_, express) => {
  let app: TestApp;
  let recorder: ChangeRecorder;
  const known = { exact: true, partial: false, masked: [], maxBytes: 65_536 };

  beforeAll(async () => {
    app = await startApp({
      express,
      options: {
        source: 'shop',
        user: () => ({ id: 'ada', email: 'ada@example.org' }),
        tenant: () => 'acme',
        labels: () => ({ operatorId: 5, companyId: 6 }),
        auditReads: false,
      },
      build(app, audit, express) {
        const authenticate = staticTokens({ [TOKEN]: reader });
        for (const [dialect, mount] of Object.entries(MOUNTS))
          app.use(mount, audit.router({ dialect: dialect as DialectName, authenticate }));
        app.use(audit.middleware(), express.json());
        app.post('/items', (_req, res) => {
          const object = { type: 'items', id: '7' };
          recorder.record({ ...known, action: 'create', object, before: null, after: BEFORE });
          res.status(201).send('ok');
        });
        app.patch('/items/:id', (req, res) => {
          const object = { type: 'items', id: req.params.id };
          recorder.record({ ...known, action: 'update', object, before: BEFORE, after: AFTER });
          res.send('ok');
        });
        app.delete('/items/:id', (req, res) => {
          req.audit.change({ type: 'items', id: req.params.id, before: AFTER });
          res.send('ok');
        });
        app.put('/items/:id/roles', (req, res) => {
          req.audit.associated('roles', { type: 'roles', id: 3 });
          res.send('ok');
        });
        app.get('/items/:id', (_req, res) => res.send('ok'));
      },
    });
    recorder = app.audit.changeRecorder();
    await app.audit.ready();
    const requests = [
      ['POST', '/items'],
      ['PATCH', '/items/8'],
      ['DELETE', '/items/9'],
      ['PUT', '/items/10/roles'],
      ['GET', '/items/11'],
    ] as const;
    for (const [method, path] of requests) {
      const before = app.audit.stats().captured;
      await fetch(`${app.url}${path}`, { method, headers: { 'user-agent': 'curl/8.5.0' } });
      await waitFor('it is captured', () => app.audit.stats().captured > before);
    }
    await app.audit.flush();
  });
  afterAll(() => app.close());

  async function rowsOf({ path, rows }: ObjectApi, query = ''): Promise<readonly Row[]> {
    const response = await fetch(`${app.url}${path}${query}`, {
      headers: { authorization: `Bearer ${TOKEN}` },
    });
    const body = await response.json();
    if (response.status !== 200) throw new Error(JSON.stringify(body));
    return rows(body as Row);
  }

  async function rowOf(dialect: DialectName, id: string): Promise<Row> {
    const api = new Map(APIS).get(dialect) as ObjectApi;
    const [row, ...others] = (await rowsOf(api)).filter((one) => one[api.id] === id);
    expect(others).toEqual([]);
    if (row === undefined) throw new Error(`${dialect} has no row of ${id}`);
    return row;
  }

  it.each(APIS)(
    '%s shows one row a change in place of its request, and other requests',
    async (_name, api) => {
      const ids = (await rowsOf(api)).map((row) => row[api.id]);
      expect(ids).toEqual(['11', '10', '9', '8', '7']);
    },
  );

  it('history has both states', async () => {
    const common = { tenant_id: 'acme', user_id: 'ada', ip_address: '127.0.0.1', user_agent: 'curl/8.5.0' };
    expect(await rowOf('history', '7')).toMatchObject({
      ...common,
      action_type: 'create',
      before_state: null,
      after_state: SEEN_BEFORE,
    });
    expect(await rowOf('history', '8')).toMatchObject({
      ...common,
      action_type: 'update',
      before_state: SEEN_BEFORE,
      after_state: SEEN_AFTER,
    });
    expect(await rowOf('history', '9')).toMatchObject({
      ...common,
      action_type: 'delete',
      before_state: SEEN_AFTER,
      after_state: null,
    });
  });

  it('organization-audit has both states as JSON texts, the diff between them, and its summary', async () => {
    const row = await rowOf('organization-audit', '8');
    expect(row).toMatchObject({
      organization: 'acme',
      userId: 'ada',
      userEmail: 'ada@example.org',
      action: 'update',
      entity: 'items',
      summary: { added: 1, removed: 0, changed: 2 },
    });
    const [pre, post] = [JSON.parse(String(row.pre)), JSON.parse(String(row.post))] as [Json, Json];
    expect([pre, post]).toEqual([SEEN_BEFORE, SEEN_AFTER]);
    expect(row.diff).toEqual(DIFF);
    expect(applyDiff(pre, row.diff as DiffEntry[])).toEqual(post);
    expect(await rowOf('organization-audit', '7')).toMatchObject({
      pre: null,
      diff: [{ kind: 'N', rhs: SEEN_BEFORE }],
      summary: { added: 1, removed: 0, changed: 0 },
    });
    expect(await rowOf('organization-audit', '9')).toMatchObject({
      post: null,
      diff: [{ kind: 'D', lhs: SEEN_AFTER }],
    });
  });

  it('audit-logs has the properties, and what the request knew', async () => {
    expect(await rowOf('audit-logs', '8')).toMatchObject({
      logName: 'shop',
      keycloakUuid: 'ada',
      keycloakEmail: 'ada@example.org',
      urlCalled: `${app.url}/items/8`,
      operatorId: 5,
      companyId: 6,
      ip: '127.0.0.1',
      domain: new URL(app.url).host,
      caller: '/items/:id',
      tableName: 'items',
      entityId: 8,
      association: null,
      properties: { content: null, before: SEEN_BEFORE, after: SEEN_AFTER, diff: DIFF },
    });
  });

  it('audit-logs finds what was associated', async () => {
    const api = new Map(APIS).get('audit-logs') as ObjectApi;
    const rows = await rowsOf(api, '?event=associated');
    expect(rows).toMatchObject([{ entityIdString: '10', association: 'roles', tableName: 'items' }]);
    expect((await rowsOf(api, '?event=updated')).map((row) => row.entityIdString)).toEqual(['8']);
  });
});
