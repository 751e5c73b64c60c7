import { type Audit, AuditCallError, applyDiff, createAudit, type RecordInput } from '../../lib/index';
import { allEvents, freshUri } from '../support/app';

const textless = Object.create(null) as object;
const hostile = {
  get name(): string {
    throw new Error('no');
  },
};

const WRONG: readonly (readonly [string, unknown, RegExp])[] = [
  ['nothing', undefined, /event must be an object, received undefined/],
  ['null', null, /received null/],
  ['a string', 'InvoiceSent', /received string/],
  ['a list', ['InvoiceSent'], /received a list, or bytes/],
  ['bytes, however many', Buffer.alloc(5_000_000), /received a list, or bytes/],
  ['labels that are bytes', { name: 'A', labels: Buffer.alloc(5_000_000) }, /labels must be an object/],
  ['no name', {}, /name must be a string of 1 to 256 characters, received undefined/],
  ['an empty name', { name: '' }, /received ""/],
  ['a misspelt field', { name: 'A', lables: {} }, /field 'lables' is not known. Did you mean 'labels'\?/],
  ['an unknown field', { name: 'A', elephants: 1 }, /field 'elephants' is not known. Known are name, action/],
  ['a field of req.audit alone', { name: 'A', onBehalfOf: 1 }, /field 'onBehalfOf' is not known/],
  ['an unknown action', { name: 'A', action: 'remove' }, /action must be one of create, update/],
  ['an object without an id', { name: 'A', object: { type: 'x' } }, /object must have a type/],
  ['an object that is null', { name: 'A', object: null }, /object must have a type/],
  ['an id that is no text', { name: 'A', object: { type: 'x', id: textless } }, /object could not be read/],
  ['a user that is true', { name: 'A', user: true }, /user must be a user with an id/],
  ['a user of other members', { name: 'A', user: { uid: 5 } }, /user must have one of id, _id, sub/],
  ['a tenant that is a number', { name: 'A', tenant: 1 }, /tenant must be a string/],
  ['labels that are a list', { name: 'A', labels: [] }, /labels must be an object/],
  ['a state that is text', { name: 'A', before: 'x' }, /before must be an object, or null, received "x"/],
  [
    'an association without a change',
    { name: 'A', association: { name: 'roles', with: { type: 'a', id: 1 } } },
    /association must say whether it is associated or disassociated/,
  ],
  [
    'an association with nothing',
    { name: 'A', association: { name: 'roles', change: 'associated' } },
    /association must have a type/,
  ],
  ['a system that is text', { name: 'A', system: 'yes' }, /system must be true or false, received "yes"/],
];

describe('audit.record', () => {
  const production = process.env.NODE_ENV;
  const errors: Error[] = [];
  let audit: Audit;

  beforeAll(async () => {
    audit = createAudit({
      mongo: freshUri(),
      source: 'jobs',
      flushIntervalMs: 5,
      onError: (error) => errors.push(error),
    });
    await audit.ready();
  });
  afterAll(() => audit.close());
  beforeEach(() => {
    errors.length = 0;
  });
  afterEach(() => {
    process.env.NODE_ENV = production;
  });

  async function stored(input: RecordInput) {
    const uuid = audit.record(input);
    const event = (await allEvents(audit)).find((one) => one.uuid === uuid);
    if (event === undefined) throw new Error('The event is not stored.');
    return event;
  }

  it('stores an event of kind event, and returns its uuid', async () => {
    const event = await stored({
      name: 'InvoiceSent',
      action: 'create',
      object: { type: 'invoices', id: 42 },
      user: { id: 7, email: 'ada@example.org' },
      tenant: 'acme',
      content: { amount: 12.5, password: 'fake-hunter2' },
      labels: { region: 'eu', shard: 3 },
      system: true,
    });
    expect(event).toMatchObject({
      kind: 'event',
      status: 'success',
      commitId: event.uuid,
      requestId: event.uuid,
      source: 'jobs',
      name: 'InvoiceSent',
      action: 'create',
      object: { type: 'invoices', id: '42' },
      user: { id: '7', email: 'ada@example.org', name: null },
      tenant: 'acme',
      content: { amount: 12.5, password: '[REDACTED]' },
      labels: { region: 'eu', shard: 3 },
      system: true,
      method: null,
      url: null,
      statusCode: null,
      outcome: null,
    });
  });

  it.each<[string, object, string, readonly string[]]>([
    ['created', { after: { a: 1 } }, 'create', ['N']],
    ['updated', { before: { a: 1, pin: 1 }, after: { a: 1, pin: 2 } }, 'update', ['E']],
    ['deleted', { before: { a: 1 }, after: null }, 'delete', ['D']],
  ])('stores what was %s with its diff', async (_case, states, action, kinds) => {
    const event = await stored({ name: 'Moved', object: { type: 'items', id: 1 }, ...states });
    expect(event).toMatchObject({ kind: 'event', action, exact: null, truncated: [] });
    expect(event.diff?.map(({ kind }) => kind)).toEqual(kinds);
    expect(applyDiff(event.before, event.diff)).toEqual(event.after);
    expect(JSON.stringify(event)).not.toContain('"pin":2');
  });

  it('stores what an object was tied to', async () => {
    const association = { name: 'roles', change: 'associated', with: { type: 'roles', id: 5 } } as const;
    const event = await stored({ name: 'Promoted', association });
    expect(event.association).toEqual({ ...association, with: { type: 'roles', id: '5' } });
  });

  it('needs a name, and no more', async () => {
    const event = await stored({ name: 'Started', user: null, tenant: null, content: undefined });
    expect(event).toMatchObject({
      action: 'access',
      object: { type: 'event', id: event.uuid },
      user: null,
      tenant: null,
      content: null,
      labels: {},
      system: false,
    });
  });

  it.each([
    ['a class instance', { at: new Date(0), map: new Map([[1, 2]]) }, { at: '1970-01-01T00:00:00.000Z' }],
    ['what JSON has not', { big: 2n, not: Number.NaN, fn: () => 1 }, { big: '[BigInt: 2]', not: '[NaN]' }],
    ['a list', [1, [2]], [1, [2]]],
    ['false', false, false],
  ])('keeps content that is %s', async (_case, content, expected) => {
    const event = await stored({ name: 'A', content });
    if (typeof expected === 'object') expect(event.content).toMatchObject(expected);
    else expect(event.content).toBe(expected);
  });

  it('cuts content that does not fit, and says so', async () => {
    const event = await stored({ name: 'A', content: { text: 'x'.repeat(1_000_000) } });
    expect(event.truncated).toEqual(['content.text']);
  });

  it.each(WRONG)('throws a TypeError in development on %s', (_case, input, message) => {
    const before = audit.stats().captured;
    const call = () => audit.record(input as RecordInput);
    expect(call).toThrow(TypeError);
    expect(call).toThrow(AuditCallError);
    expect(call).toThrow(message);
    expect(audit.stats().captured).toBe(before);
    expect(errors).toEqual([]);
  });

  it.each(WRONG)('tells onError in production of %s, and returns nothing', (_case, input, message) => {
    process.env.NODE_ENV = 'production';
    const before = audit.stats().captured;
    expect(audit.record(input as RecordInput)).toBe('');
    expect(errors).toMatchObject([{ code: 'AUDIT_INVALID_CALL', message: expect.stringMatching(message) }]);
    expect(audit.stats().captured).toBe(before);
  });

  it('never throws in production, whatever it is given', () => {
    process.env.NODE_ENV = 'production';
    expect(audit.record(hostile)).toBe('');
    expect(audit.record({ name: 'A', user: Object.create(hostile) as object })).toBe('');
    expect(errors).toHaveLength(2);
  });
});
