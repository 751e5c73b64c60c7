import { AuditCallError, applyDiff } from '../../lib/index';
import { EXPRESSES } from '../support/app';
import { ChangesApp } from './changes-app';

/** As JavaScript calls it, without types in the way. */
type Loose = Record<'change' | 'associated' | 'disassociated', (...values: unknown[]) => Loose>;

describe.each(EXPRESSES)('a change on %s', (_, express) => {
  const production = process.env.NODE_ENV;
  let on: ChangesApp;
  beforeAll(async () => {
    on = await ChangesApp.start(express);
  });
  afterAll(() => on.app.close());
  beforeEach(() => {
    on.app.errors.length = 0;
  });
  afterEach(() => {
    process.env.NODE_ENV = production;
  });

  it.each<[string, object, string, string[]]>([
    ['created', { after: { a: 1 } }, 'create', ['N']],
    ['deleted', { before: { a: 1 } }, 'delete', ['D']],
    ['updated', { before: { a: 1 }, after: { a: 2 } }, 'update', ['E']],
  ])('can be told by hand: %s', async (_case, states, action, kinds) => {
    const event = await on.changeOf((audit) => audit.change({ type: 'items', id: 7, ...states }));
    expect(event).toMatchObject({ kind: 'change', action, object: { type: 'items', id: '7' }, ...states });
    expect(event.diff?.map(({ kind }) => kind)).toEqual(kinds);
    expect(applyDiff(event.before, event.diff)).toEqual(event.after);
  });

  it.each(['associated', 'disassociated'] as const)('tells what was %s', async (change) => {
    const event = await on.changeOf((audit) => audit[change]('roles', { type: 'roles', id: 5 }));
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
    await on.changesOf((audit) => {
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
    const { request } = await on.changesOf((audit) => call(audit as unknown as Loose), 0);
    expect(request).toMatchObject({ statusCode: 200, changeCount: null });
    expect(on.app.errors).toMatchObject([{ message: expect.stringMatching(message) }]);
  });
});
