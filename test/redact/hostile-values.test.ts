import { runInNewContext } from 'node:vm';
import { mongo } from 'mongoose';
import { type Subject, startSubject } from './harness';

class Money {
  constructor(readonly amount: number) {}
}
const throwing = (what: string) => () => {
  throw new Error(`hostile ${what}`);
};
const trap = new Proxy(
  {},
  {
    get: throwing('get'),
    ownKeys: throwing('ownKeys'),
    getPrototypeOf: throwing('getPrototypeOf'),
    getOwnPropertyDescriptor: throwing('descriptor'),
  },
);
const revoked = (): unknown => {
  const { proxy, revoke } = Proxy.revocable([], {});
  revoke();
  return proxy;
};
const circular: Record<string, unknown> = { a: 1 };
circular.self = circular;
circular.list = [circular];
const endless = (): object =>
  new Proxy(
    {},
    {
      ownKeys: () => ['a', 'b'],
      getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true }),
      get: (_target, key) => (typeof key === 'string' && key.length === 1 ? endless() : undefined),
    },
  );
const doubling = Array.from({ length: 60 }).reduce<unknown>((tree) => [tree, tree], 'x');

const TAGGED: readonly (readonly [string, unknown, unknown])[] = [
  ['a BigInt', 12345678901234567890n, '[BigInt: 12345678901234567890]'],
  ['a Symbol', Symbol('mine'), '[Symbol: mine]'],
  ['a function', function work() {}, '[Function: work]'],
  [
    'a function with a name that throws',
    Object.defineProperty(() => {}, 'name', { get: throwing('name') }),
    '[Function: [Throws]]',
  ],
  ['NaN', Number.NaN, '[NaN]'],
  ['Infinity', Number.NEGATIVE_INFINITY, '[-Infinity]'],
  ['undefined in a list', [undefined, 1], [null, 1]],
  ['undefined in an object', { a: undefined, b: 1 }, { b: 1 }],
  ['a Date', new Date(0), '1970-01-01T00:00:00.000Z'],
  ['an invalid Date', new Date(Number.NaN), '[Invalid Date]'],
  ['a Date that is none', Object.create(Date.prototype), '[Date]'],
  [
    'a Date with a method that throws',
    Object.assign(new Date(0), { toISOString: throwing('iso') }),
    '1970-01-01T00:00:00.000Z',
  ],
  ['a class instance', new Money(5), '[Money]'],
  ['an error', new TypeError('x'), '[TypeError]'],
  ['a Map', new Map([['password', 'x']]), '[Map]'],
  ['a Set', new Set(['x']), '[Set]'],
  ['a RegExp', /x/, '[RegExp]'],
  ['a Promise', Promise.resolve(1), '[Promise]'],
  ['a boxed string', new String('x'), '[String]'],
  ['an ObjectId', new mongo.ObjectId('0123456789abcdef01234567'), '0123456789abcdef01234567'],
  ['a Long', new mongo.Long(1), '[Long]'],
  ['an object without prototype', Object.assign(Object.create(null), { a: 1 }), { a: 1 }],
  ['an object of another realm', runInNewContext('({ a: [1] })'), { a: [1] }],
  ['an object with a hostile constructor', { constructor: { name: 5 } }, { constructor: { name: 5 } }],
  [
    'an instance with a constructor that throws',
    Object.create(Object.defineProperty({ x: 1 }, 'constructor', { get: throwing('constructor') })),
    '[Throws]',
  ],
  [
    'a getter that throws',
    Object.defineProperty({ a: 1 }, 'b', { enumerable: true, get: throwing('getter') }),
    { a: 1, b: '[Throws]' },
  ],
  ['an item that throws', Object.defineProperty([1, 2], 0, { get: throwing('item') }), ['[Throws]', 2]],
  ['a Proxy that throws', trap, '[Throws]'],
  ['a revoked Proxy', revoked(), '[Throws]'],
  ['a Proxy of plain data', new Proxy({ a: [1] }, {}), { a: [1] }],
  ['a member that throws under a secret key', { password: trap, a: 1 }, { password: '[REDACTED]', a: 1 }],
  ['a circle', circular, { a: 1, self: '[Circular]', list: ['[Circular]'] }],
  ['a value twice', ((one) => [one, one])({ a: 1 }), [{ a: 1 }, { a: 1 }]],
  ['a toJSON', { toJSON: 1, a: 2 }, { toJSON: 1, a: 2 }],
  ['a toBSON', { toBSON: throwing('toBSON'), a: 2 }, { toBSON: '[Function: ]', a: 2 }],
  ['a sparse list', Object.assign([], { 2: 'x' }), [null, null, 'x']],
  [
    'what looks like a mongoose document',
    { $__: {}, $isNew: true, _doc: { a: 1 } },
    { $__: {}, $isNew: true, _doc: { a: 1 } },
  ],
];

describe('a value that JSON cannot hold', () => {
  let subject: Subject;
  beforeAll(async () => {
    subject = await startSubject();
  });
  afterAll(() => subject.close());

  async function stored(content: unknown): Promise<unknown> {
    const uuid = subject.audit.record({ name: 'Hostile', content });
    await subject.audit.flush();
    expect(subject.errors).toEqual([]);
    return (await subject.audit.reader.get({ tenants: '*' }, uuid, { maxTimeMS: 20_000 }))?.content;
  }

  it.each(TAGGED)('becomes what says what it was: %s', async (_title, value, expected) => {
    expect(await stored({ value, beside: 1 })).toEqual({ value: expected, beside: 1 });
  });

  it.each([
    ['the root', (value: unknown) => value],
    ['an item', (value: unknown) => [[value]]],
    ['a value beside the name of a secret', (value: unknown) => ({ name: 'password', value })],
  ])('costs the event nothing as %s', async (_title, place) => {
    for (const [, value] of TAGGED) expect(await stored(place(value))).toBeDefined();
    expect(subject.audit.stats()).toMatchObject({ dropped: 0, quarantined: 0 });
  });

  it.each<[string, () => unknown, RegExp]>([
    ['a Proxy without end', endless, /too deep/],
    ['a tree that doubles at every level', () => doubling, /too deep/],
    [
      'a list of a billion holes',
      () => Object.assign([], { length: 1_000_000_000 }),
      /items, size not known/,
    ],
    ['a BigInt of 100,000 digits', () => 10n ** 100_000n, /^"\[BigInt: 1000/],
    ['bytes', () => new Uint8Array([1, 2, 3]), /^"\[Buffer: 3 bytes, sha256 039058c6f2c0cb49/],
    ['a huge typed array', () => new Float64Array(4_000_000), /^"\[Buffer: 32000000 bytes\]/],
    ['bytes that hold a secret', () => Buffer.from('{"pin":"1234"}'), /^"\[Buffer: 14 bytes\]"$/],
  ])('is told by its size: %s', async (_title, create, expected) => {
    expect(JSON.stringify(await stored(create()))).toMatch(expected);
  });

  it('is not touched', async () => {
    const value = { a: [{ pin: 'x', list: ['{"pin":"y"}'] }], when: new Date(0), long: 'x'.repeat(9_000) };
    const before = structuredClone(value);
    const deepFreeze = (one: unknown): void => {
      if (typeof one !== 'object' || one === null || one instanceof Date) return;
      Object.values(Object.freeze(one)).forEach(deepFreeze);
    };
    deepFreeze(value);
    await stored(value);
    expect(value).toEqual(before);
  });
});
