import { setImmediate as turn } from 'node:timers/promises';
import type { Request, RequestHandler } from 'express';
import { Types } from 'mongoose';
import { AuditCallError, applyDiff, type Json, type StoredEvent } from '../../lib/index';
import type { ObservedChange } from '../../lib/observed-change';
import { EXPRESSES, startApp, type TestApp } from '../support/app';
import { observed } from './observed';
import { exchange, get } from './raw-client';
import { waitFor } from './wait';

type Audit = Request['audit'];
/** As JavaScript calls it, without types in the way. */
type Loose = Record<'change' | 'associated' | 'disassociated', (...values: unknown[]) => Loose>;

const KIBIBYTE = 1_024;

describe.each(EXPRESSES)('changes on %s', (_, express) => {
  const production = process.env.NODE_ENV;
  let app: TestApp;
  let handle: RequestHandler;
  let recorder: ReturnType<TestApp['audit']['changeRecorder']>;

  beforeAll(async () => {
    app = await startApp({
      express,
      options: {
        source: 'shop',
        user: (req) => req.headers['x-user'] as string,
        tenant: () => 'acme',
        labels: () => ({ operatorId: 5 }),
        redact: { paths: ['before.shoeSize', 'after.shoeSize'] },
      },
      build(app, audit) {
        app.use(audit.middleware());
        app.all('/items/:id', (req, res, next) => handle(req, res, next));
      },
    });
    recorder = app.audit.changeRecorder();
  });
  afterAll(() => app.close());
  beforeEach(() => {
    app.errors.length = 0;
  });
  afterEach(() => {
    process.env.NODE_ENV = production;
  });

  /** What one call set off: the changes in their order, and the request's own event, the last one. */
  async function recordedBy(run: () => unknown, count: number): Promise<readonly StoredEvent[]> {
    const before = app.audit.stats().captured;
    await run();
    await waitFor(`${count} events are captured`, () => app.audit.stats().captured >= before + count);
    const { captured } = app.audit.stats();
    await app.audit.flush();
    const events = await app.audit.reader.find(
      { tenants: '*' },
      { where: [] },
      [{ field: 'recordedAt', descending: true }],
      { skip: 0, limit: captured - before },
      { maxTimeMS: 20_000 },
    );
    return [...events].sort((a, b) => a.sequence - b.sequence);
  }

  const send = (headers = ['X-User: ada']) => exchange(app.url, get('/items/7', headers));

  async function changesOf(call: (audit: Audit) => unknown, count = 1) {
    handle = (req, res) => {
      call(req.audit);
      res.send('ok');
    };
    const events = await recordedBy(send, count + 1);
    expect(events).toHaveLength(count + 1);
    return { changes: events.slice(0, -1), request: events.at(-1) as StoredEvent };
  }

  async function changeOf(call: (audit: Audit) => unknown): Promise<StoredEvent> {
    const { changes } = await changesOf(call);
    return changes[0] as StoredEvent;
  }

  const stored = (change: Partial<ObservedChange>) => changeOf(() => recorder.record(observed(change)));

  it('carries who, from where and by which request', async () => {
    const { changes, request } = await changesOf(() => recorder.record(observed({ exact: true })));
    expect(request).toMatchObject({ kind: 'request', changeCount: 1, object: { type: 'items', id: '7' } });
    const { tenant, requestId, commitId, user, url, route, remoteAddr, host, labels, source } = request;
    expect(changes).toMatchObject([
      {
        ...{ tenant, requestId, commitId, user, url, route, remoteAddr, host, labels, source },
        kind: 'change',
        status: 'success',
        action: 'update',
        name: 'update items',
        object: { type: 'items', id: '7' },
        system: false,
        before: { price: 1 },
        after: { price: 2 },
        diff: [{ kind: 'E', path: ['price'], lhs: 1, rhs: 2 }],
        exact: true,
        partial: false,
        headers: null,
        postDataState: 'absent',
        statusCode: null,
      },
    ]);
    expect(request.user).toMatchObject({ id: 'ada' });
    expect(changes[0]?.uuid).not.toBe(request.uuid);
  });

  it('counts no changes where a request made none', async () => {
    const { request } = await changesOf(() => {}, 0);
    expect(request.changeCount).toBeNull();
  });

  it('carries the user who is known when the request ends', async () => {
    const { changes } = await changesOf((audit) => {
      recorder.record(observed());
      audit.user({ id: 'late' }).tenant('globex').labels({ late: 1 }).onBehalfOf('boss');
    });
    expect(changes).toMatchObject([
      { user: { id: 'late' }, tenant: 'globex', labels: { late: 1 }, onBehalfOf: { id: 'boss' } },
    ]);
  });

  it('carries the commitId of its request also after the response', async () => {
    let change = (): void => {};
    handle = (_req, res) => {
      const resource = new Promise<void>((resolve) => {
        change = resolve;
      });
      resource.then(() => recorder.record(observed()));
      res.send('ok');
    };
    const [request] = await recordedBy(send, 1);
    const [late] = await recordedBy(async () => {
      const { captured } = app.audit.stats();
      change();
      await turn();
      // nothing more is learnt of the request: it does not wait
      expect(app.audit.stats().captured).toBe(captured + 1);
    }, 1);
    expect(late).toMatchObject({ kind: 'change', commitId: request?.commitId, user: { id: 'ada' } });
    expect(request?.changeCount).toBeNull();
  });

  it('stays in the trail when its request is left out of it', async () => {
    handle = (req, res) => {
      recorder.record(observed());
      req.audit.skip();
      res.send('ok');
    };
    const events = await recordedBy(send, 1);
    expect(events).toMatchObject([{ kind: 'change', user: { id: 'ada' }, tenant: 'acme' }]);
  });

  it('says how many more documents a write changed', async () => {
    const { changes, request } = await changesOf(() => {
      recorder.record(observed());
      recorder.recordMore({ action: 'delete', type: 'items', count: 12 });
    }, 2);
    expect(changes[1]).toMatchObject({
      kind: 'change',
      action: 'delete',
      object: { type: 'items' },
      content: { more: 12 },
      before: null,
      commitId: request.commitId,
    });
    expect(request.changeCount).toBe(2);
  });

  it('is delivered when 1,000 of them wait, before the request ends', async () => {
    handle = (_req, res) => {
      const { captured } = app.audit.stats();
      for (let i = 0; i < 1_001; i++) recorder.record(observed());
      expect(app.audit.stats().captured).toBe(captured + 1_000);
      res.send('ok');
    };
    const events = await recordedBy(send, 1_002);
    expect(events.at(-1)).toMatchObject({ kind: 'request', statusCode: 200, changeCount: 1_001 });
    expect(new Set(events.map(({ commitId }) => commitId)).size).toBe(1);
  });

  it('is delivered when 4 MiB of them wait, before the request ends', async () => {
    let end = (): void => {};
    handle = (_req, res) => {
      const before = { text: 'a'.repeat(200 * KIBIBYTE) };
      for (let i = 0; i < 12; i++) recorder.record(observed({ before }));
      end = () => res.send('ok');
    };
    let answer: Promise<string> | undefined;
    await recordedBy(() => {
      answer = send();
    }, 5);
    end();
    await answer;
    await app.events();
  });

  const id = new Types.ObjectId('64b7f0c2a1b2c3d4e5f60718');

  it.each<[string, object, Json]>([
    ['dates', { a: new Date(5) }, { a: '1970-01-01T00:00:00.005Z' }],
    ['ObjectIds', { _id: id, list: [id] }, { _id: String(id), list: [String(id)] }],
    ['decimals', { a: Types.Decimal128.fromString('1.10') }, { a: '1.10' }],
    ['maps', { a: new Map([['k', { b: 1 }]]) }, { a: { k: { b: 1 } } }],
    [
      'hostile keys',
      JSON.parse('{"__proto__":1,"$where":2,"a.b":3,"_bsontype":"x"}'),
      JSON.parse('{"__proto__":1,"$where":2,"a.b":3,"_bsontype":"x"}'),
    ],
    ['lone surrogates', { '\ud800': 'a\udc00' }, { '\ud800': 'a\udc00' }],
  ])(
    'stores %s as JSON can hold them, and its diff leads from before to after',
    async (_case, after, json) => {
      const event = await stored({ before: { kept: 1 }, after: { kept: 1, ...after } });
      expect(event.after).toEqual({ kept: 1, ...(json as object) });
      expect(applyDiff(event.before, event.diff)).toEqual(event.after);
    },
  );

  it('stores bytes as their size and hash', async () => {
    const { after } = await stored({ after: { file: Buffer.from('abc') } });
    expect(after).toEqual({ file: expect.stringMatching(/^\[Buffer: 3 bytes, sha256 [0-9a-f]{64}\]$/) });
  });

  it.each<[string, Partial<ObservedChange>, Json, Json]>([
    [
      'a password',
      { before: { password: 'fake-a' }, after: { password: 'fake-b' } },
      '[REDACTED]',
      '[REDACTED]',
    ],
    [
      'a path of the options',
      { before: { shoeSize: 1 }, after: { shoeSize: 2 } },
      '[REDACTED]',
      '[REDACTED]',
    ],
    [
      'an omitted path',
      { masked: ['salary'], before: { salary: 1 }, after: { salary: 2 } },
      '[REDACTED]',
      '[REDACTED]',
    ],
    [
      'an omitted object',
      { masked: ['a'], before: { a: { b: 1 } }, after: { a: { b: 2 } } },
      '[REDACTED]',
      '[REDACTED]',
    ],
    [
      'an omitted key with a dot',
      { masked: ['a.b'], before: { 'a.b': 1 }, after: { 'a.b': 2 } },
      '[REDACTED]',
      '[REDACTED]',
    ],
    ['what is set', { masked: ['a'], before: { a: null }, after: { a: 1 } }, null, '[REDACTED]'],
  ])('shows that a secret has changed and not what it was: %s', async (_case, change, lhs, rhs) => {
    const event = await stored(change);
    const [key = ''] = Object.keys(change.before as object);
    expect(event).toMatchObject({ before: { [key]: lhs }, after: { [key]: rhs } });
    expect(event.diff).toEqual([{ kind: 'E', path: [key], lhs, rhs }]);
  });

  it.each(['rows.secret', 'rows.$.secret', 'rows.$[].secret', '**.secret'])(
    'masks an omitted path in every item of a list, and nothing beside it: %s',
    async (path) => {
      const state = (secret: string, kept: number) => ({
        rows: [
          { secret, kept },
          { secret: 'same', kept },
        ],
      });
      const event = await stored({
        masked: [path],
        before: state('old', 1),
        after: state('new', 1),
      });
      const row = { secret: '[REDACTED]', kept: 1 };
      expect(event.after).toEqual({ rows: [row, row] });
      expect(event.diff).toMatchObject([{ kind: 'E', path: ['rows', 0, 'secret'] }]);
    },
  );

  it('shows no change of a secret that stayed the same', async () => {
    const event = await stored({ before: { pin: 1, a: 1 }, after: { pin: 1, a: 2 } });
    expect(event.diff).toEqual([{ kind: 'E', path: ['a'], lhs: 1, rhs: 2 }]);
  });

  it.each<[string, Partial<ObservedChange>, object]>([
    ['before', { before: { t: 'a'.repeat(300 * KIBIBYTE) } }, { before: null, after: { price: 2 } }],
    ['after', { after: { t: 'a'.repeat(300 * KIBIBYTE) } }, { before: { price: 1 }, after: null }],
    ['of its own limit', { maxBytes: 16, after: { t: 'a'.repeat(20) } }, { after: null }],
    ['of 50,001 values', { after: { l: Array.from({ length: 50_000 }, () => 1) } }, { after: null }],
    ['too deep', { after: JSON.parse(`${'{"a":'.repeat(100)}1${'}'.repeat(100)}`) }, { after: null }],
  ])('has no state that is too large, and says so: %s', async (_case, change, expected) => {
    const event = await stored(change);
    expect(event).toMatchObject({ ...expected, diff: null });
    expect(event.truncated).toEqual(expect.arrayContaining(['diff']));
    for (const name of ['before', 'after'] as const)
      expect(event.truncated.includes(name)).toBe(event[name] === null);
  });

  it('has large states whole', async () => {
    const after = { t: 'a'.repeat(200 * KIBIBYTE), l: Array.from({ length: 2_500 }, () => 'x') };
    const event = await stored({ after });
    expect(event.after).toEqual(after);
    expect(event.truncated).toEqual([]);
  });

  it.each<[string, object, string, string[]]>([
    ['created', { after: { a: 1 } }, 'create', ['N']],
    ['deleted', { before: { a: 1 } }, 'delete', ['D']],
    ['updated', { before: { a: 1 }, after: { a: 2 } }, 'update', ['E']],
  ])('can be told by hand: %s', async (_case, states, action, kinds) => {
    const event = await changeOf((audit) => audit.change({ type: 'items', id: 7, ...states }));
    expect(event).toMatchObject({ kind: 'change', action, object: { type: 'items', id: '7' }, ...states });
    expect(event.diff?.map(({ kind }) => kind)).toEqual(kinds);
    expect(applyDiff(event.before, event.diff)).toEqual(event.after);
  });

  it.each(['associated', 'disassociated'] as const)('tells what was %s', async (change) => {
    const event = await changeOf((audit) => audit[change]('roles', { type: 'roles', id: 5 }));
    expect(event).toMatchObject({
      kind: 'change',
      object: { type: 'items', id: '7' },
      association: { name: 'roles', change, with: { type: 'roles', id: '5' } },
      user: { id: 'ada' },
    });
  });

  const WRONG: readonly (readonly [string, (audit: Loose) => unknown, RegExp])[] = [
    ['no change', (audit) => audit.change(), /^req\.audit\.change: change must have a state/],
    ['no states', (audit) => audit.change({ type: 'a', id: 1 }), /a state before, a state after/],
    [
      'a state that is a text',
      (audit) => audit.change({ type: 'a', id: 1, after: 'x' }),
      /states that are objects/,
    ],
    ['no id', (audit) => audit.change({ type: 'a', after: {} }), /type \(a string\) and an id/],
    ['no other object', (audit) => audit.associated('roles'), /^req\.audit\.associated: .* an id/],
    ['no name', (audit) => audit.disassociated('', { type: 'a', id: 1 }), /a name of 1 to 256/],
  ];

  it.each(WRONG)('throws a TypeError in development on %s', async (_case, call, message) => {
    let thrown: unknown;
    await changesOf((audit) => {
      try {
        call(audit as unknown as Loose);
      } catch (error) {
        thrown = error;
      }
    }, 0);
    expect(thrown).toBeInstanceOf(AuditCallError);
    expect(thrown).toMatchObject({ message: expect.stringMatching(message) });
  });

  it.each(WRONG)('tells onError in production of %s, and goes on', async (_case, call, message) => {
    process.env.NODE_ENV = 'production';
    const { request } = await changesOf((audit) => call(audit as unknown as Loose), 0);
    expect(request).toMatchObject({ statusCode: 200, changeCount: null });
    expect(app.errors).toMatchObject([{ message: expect.stringMatching(message) }]);
  });

  it('never throws into the write that it records', async () => {
    const hostile = {
      get a(): never {
        throw new Error('no');
      },
    };
    const event = await stored({ after: hostile });
    expect(event.after).toEqual({ a: '[Throws]' });
    expect(() => recorder.record(null as unknown as ObservedChange)).not.toThrow();
    expect(app.errors).toMatchObject([{ code: 'AUDIT_CAPTURE_FAILED' }]);
  });
});
