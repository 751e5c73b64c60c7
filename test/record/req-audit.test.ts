import type { Request, RequestHandler } from 'express';
import { Types } from 'mongoose';
import { AuditCallError } from '../../lib/index';
import { EXPRESSES, startApp, type TestApp } from '../support/app';
import { exchange, get } from './raw-client';
import { nextEvent } from './wait';

const OBJECT_ID = new Types.ObjectId('64b7f0c2a1b2c3d4e5f60718');
const hostile = {
  get id(): string {
    throw new Error('no');
  },
};
const textless = Object.create(null) as object;

type Audit = Request['audit'];
/** As JavaScript calls it, without types in the way. */
type Loose = Record<keyof Audit, (...values: unknown[]) => Loose>;

const WRONG: readonly (readonly [string, (audit: Loose) => unknown, RegExp])[] = [
  ['name()', (audit) => audit.name(), /^req\.audit\.name: name must be a string/],
  ['name(5)', (audit) => audit.name(5), /received number/],
  ['an empty name', (audit) => audit.name(''), /received ""/],
  ['a long name', (audit) => audit.name('n'.repeat(257)), /1 to 256 characters/],
  [
    'an unknown action',
    (audit) => audit.action('remove'),
    /create, update, delete, access, received "remove"/,
  ],
  ['an object without a type', (audit) => audit.object(), /type \(a string\) and an id/],
  ['an object without an id', (audit) => audit.object('users'), /type \(a string\) and an id/],
  ['an object with an empty id', (audit) => audit.object('users', ''), /type \(a string\) and an id/],
  ['an object with a boolean id', (audit) => audit.object('users', true), /type \(a string\) and an id/],
  ['an id that is any object', (audit) => audit.object('users', { a: 1 }), /type \(a string\) and an id/],
  ['an id that is no text', (audit) => audit.object('users', textless), /object could not be read/],
  ['user()', (audit) => audit.user(), /must be a user with an id, an id, or null/],
  ['user(true)', (audit) => audit.user(true), /must be a user/],
  ['user(NaN)', (audit) => audit.user(Number.NaN), /must be a user/],
  ['an object whose id is NaN', (audit) => audit.object('users', Number.NaN), /an id \(a string/],
  ['a label that is NaN', (audit) => audit.labels({ a: Number.NaN }), /object of strings and numbers/],
  [
    'a user of other members',
    (audit) => audit.user({ uid: 5 }),
    /user must have one of id, _id, sub, email, name/,
  ],
  ['a user without members', (audit) => audit.onBehalfOf({}), /onBehalfOf must have one of id, _id, sub/],
  ['a user that throws', (audit) => audit.user(hostile), /user could not be read/],
  ['onBehalfOf(Symbol())', (audit) => audit.onBehalfOf(Symbol('x')), /received symbol/],
  ['tenant(7)', (audit) => audit.tenant(7), /tenant must be a string/],
  ['labels("a")', (audit) => audit.labels('a'), /object of strings and numbers/],
  ['a list of labels', (audit) => audit.labels(['a']), /object of strings and numbers/],
  ['a label that is an object', (audit) => audit.labels({ a: {} }), /object of strings and numbers/],
];

describe.each(EXPRESSES)('req.audit on %s', (_, express) => {
  const production = process.env.NODE_ENV;
  let app: TestApp;
  let handle: RequestHandler;

  beforeAll(async () => {
    app = await startApp({
      express,
      options: {
        user: () => ({ id: 'option' }),
        tenant: () => 'option',
        labels: () => ({ from: 'option', kept: 1 }),
        name: () => 'FromOption',
        action: () => 'update',
      },
      build(app, audit) {
        app.use(audit.middleware());
        app.get('/things/:id', (req, res, next) => handle(req, res, next));
      },
    });
  });
  afterAll(() => app.close());
  beforeEach(() => {
    app.errors.length = 0;
  });
  afterEach(() => {
    process.env.NODE_ENV = production;
  });

  async function eventOf(call: (audit: Audit) => unknown) {
    handle = (req, res) => {
      call(req.audit);
      res.send('ok');
    };
    return nextEvent(app, () => exchange(app.url, get('/things/7')));
  }

  it('says everything in one chain, and wins over the options', async () => {
    let id = '';
    const event = await eventOf((audit) => {
      id = audit.id;
      const end = audit
        .name('UserInvited')
        .action('create')
        .object('users', 42)
        .user({ id: 7, email: 'ada@example.org', name: 'Ada', type: 'admin' })
        .onBehalfOf('8')
        .tenant('acme')
        .content({ why: ['because'] })
        .labels({ from: 'handler' })
        .labels({ more: 2 })
        .error(new Error('half done'));
      expect(end).toBe(audit);
    });
    expect(event).toMatchObject({
      uuid: id,
      name: 'UserInvited',
      action: 'create',
      object: { type: 'users', id: '42' },
      user: { id: '7', email: 'ada@example.org', name: 'Ada', type: 'admin' },
      onBehalfOf: { id: '8', email: null, name: null },
      tenant: 'acme',
      content: { why: ['because'] },
      labels: { from: 'handler', kept: 1, more: 2 },
      error: { name: 'Error', message: 'half done', code: null },
    });
  });

  it('leaves to the options what it does not say', async () => {
    expect(await eventOf(() => {})).toMatchObject({
      name: 'FromOption',
      action: 'update',
      object: { type: 'things', id: '7' },
      user: { id: 'option', email: null, name: null },
      onBehalfOf: null,
      tenant: 'option',
      content: null,
      labels: { from: 'option', kept: 1 },
      error: null,
    });
  });

  it.each<[string, (audit: Audit) => unknown, object]>([
    ['the last call wins', (a) => a.name('A').name('B').content(1).content(2), { name: 'B', content: 2 }],
    ['null forgets', (a) => a.user(null).tenant(null), { user: null, tenant: null }],
    ['an ObjectId', (a) => a.object('x', OBJECT_ID), { object: { type: 'x', id: String(OBJECT_ID) } }],
    ['a user who is an ObjectId', (a) => a.user(OBJECT_ID), { user: { id: String(OBJECT_ID) } }],
    ['a bigint', (a) => a.object('x', 2n ** 64n), { object: { type: 'x', id: '18446744073709551616' } }],
    ['zero', (a) => a.object('x', 0).user(0), { object: { type: 'x', id: '0' }, user: { id: '0' } }],
    ['a document', (a) => a.user({ _id: OBJECT_ID } as object), { user: { id: String(OBJECT_ID) } }],
    ['a JWT', (a) => a.user({ sub: 's', email: 5 } as object), { user: { id: 's', email: null } }],
    ['a nobody', (a) => a.user({ id: null, name: undefined }), { user: null }],
    ['content that is false', (a) => a.content(false), { content: false }],
    ['__proto__', (a) => a.labels(JSON.parse('{"__proto__":"x"}')), { labels: { from: 'option' } }],
  ])('is stored as it was meant: %s', async (_case, call, expected) => {
    expect(await eventOf(call)).toMatchObject(expected);
  });

  it('keeps a user as it was when it was noted', async () => {
    const user = { id: '1', name: 'Ada' };
    const event = await eventOf((audit) => {
      audit.user(user);
      user.id = '2';
    });
    expect(event.user).toMatchObject({ id: '1', name: 'Ada' });
  });

  it('may be taken apart', async () => {
    const event = await eventOf(({ name, labels }) => {
      name('Taken');
      labels({ a: 1 });
    });
    expect(event).toMatchObject({ name: 'Taken', labels: { a: 1 } });
  });

  it('skips', async () => {
    const before = app.audit.stats().captured;
    handle = (req, res) => {
      req.audit.skip();
      res.send('skipped');
    };
    expect(await exchange(app.url, get('/things/7'))).toContain('skipped');
    await eventOf(() => {});
    expect(app.audit.stats().captured).toBe(before + 1);
  });

  it('counts between the headers and the end', async () => {
    handle = (req, res) => {
      const content = { at: 'headers' };
      req.audit.content(content);
      res.write('begun');
      content.at = 'end';
      req.audit.name('Late').labels({ late: 1 }).content(content).tenant(null).user({ id: 'late' });
      res.end();
    };
    const event = await nextEvent(app, () => exchange(app.url, get('/things/7')));
    expect(event).toMatchObject({ name: 'Late', content: { at: 'end' }, tenant: null });
    expect(event.user).toMatchObject({ id: 'late' });
    expect(event.labels).toEqual({ from: 'option', kept: 1, late: 1 });
  });

  it.each(['name', 'skip'])('reports a call after the end, and changes nothing: %s', async (method) => {
    let late: Loose | undefined;
    const event = await eventOf((audit) => {
      late = audit as unknown as Loose;
    });
    late?.[method as 'name']('TooLate');
    expect(app.errors).toMatchObject([{ code: 'AUDIT_LATE_CALL', message: expect.stringContaining(method) }]);
    expect((await app.events()).find(({ uuid }) => uuid === event.uuid)?.name).toBe('FromOption');
  });

  it.each(WRONG)('throws a TypeError in development on %s', async (_case, call, message) => {
    let thrown: unknown;
    const event = await eventOf((audit) => {
      try {
        call(audit as unknown as Loose);
      } catch (error) {
        thrown = error;
      }
    });
    expect(thrown).toBeInstanceOf(TypeError);
    expect(thrown).toBeInstanceOf(AuditCallError);
    expect(thrown).toMatchObject({ code: 'AUDIT_INVALID_CALL', message: expect.stringMatching(message) });
    expect(event).toMatchObject({ name: 'FromOption', user: { id: 'option' }, statusCode: 200 });
    expect(app.errors).toEqual([]);
  });

  it.each(WRONG)('tells onError in production of %s, and goes on', async (_case, call, message) => {
    process.env.NODE_ENV = 'production';
    const event = await eventOf((audit) => call(audit as unknown as Loose));
    expect(event).toMatchObject({ name: 'FromOption', user: { id: 'option' }, statusCode: 200 });
    expect(app.errors).toMatchObject([
      { code: 'AUDIT_INVALID_CALL', message: expect.stringMatching(message) },
    ]);
  });
});
