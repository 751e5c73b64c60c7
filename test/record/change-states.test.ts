import { Types } from 'mongoose';
import { applyDiff, type Json } from '../../lib/index';
import type { ObservedChange } from '../../lib/observed-change';
import { EXPRESSES } from '../support/app';
import { ChangesApp } from './changes-app';

const KIBIBYTE = 1_024;

describe.each(EXPRESSES)('the states of a change on %s', (_, express) => {
  let on: ChangesApp;
  beforeAll(async () => {
    on = await ChangesApp.start(express);
  });
  afterAll(() => on.app.close());

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
      const event = await on.stored({ before: { kept: 1 }, after: { kept: 1, ...after } });
      expect(event.after).toEqual({ kept: 1, ...(json as object) });
      expect(applyDiff(event.before, event.diff)).toEqual(event.after);
    },
  );

  it('stores bytes as their size and hash', async () => {
    const { after } = await on.stored({ after: { file: Buffer.from('abc') } });
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
      'an omitted key with a dot',
      { masked: ['a.b'], before: { 'a.b': 1 }, after: { 'a.b': 2 } },
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
    ['what is set', { masked: ['a'], before: { a: null }, after: { a: 1 } }, null, '[REDACTED]'],
  ])('shows that a secret has changed and not what it was: %s', async (_case, change, lhs, rhs) => {
    const event = await on.stored(change);
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
      const event = await on.stored({
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
    const event = await on.stored({ before: { pin: 1, a: 1 }, after: { pin: 1, a: 2 } });
    expect(event.diff).toEqual([{ kind: 'E', path: ['a'], lhs: 1, rhs: 2 }]);
  });

  it.each<[string, Partial<ObservedChange>, object]>([
    ['before', { before: { t: 'a'.repeat(300 * KIBIBYTE) } }, { before: null, after: { price: 2 } }],
    ['after', { after: { t: 'a'.repeat(300 * KIBIBYTE) } }, { before: { price: 1 }, after: null }],
    ['of its own limit', { maxBytes: 16, after: { t: 'a'.repeat(20) } }, { after: null }],
    ['of 50,001 values', { after: { l: Array.from({ length: 50_000 }, () => 1) } }, { after: null }],
    ['too deep', { after: JSON.parse(`${'{"a":'.repeat(100)}1${'}'.repeat(100)}`) }, { after: null }],
  ])('has no state that is too large, and says so: %s', async (_case, change, expected) => {
    const event = await on.stored(change);
    expect(event).toMatchObject({ ...expected, diff: null });
    expect(event.truncated).toEqual(expect.arrayContaining(['diff']));
    for (const name of ['before', 'after'] as const)
      expect(event.truncated.includes(name)).toBe(event[name] === null);
  });

  it('has large states whole', async () => {
    const after = { t: 'a'.repeat(200 * KIBIBYTE), l: Array.from({ length: 2_500 }, () => 'x') };
    const event = await on.stored({ after });
    expect(event.after).toEqual(after);
    expect(event.truncated).toEqual([]);
  });

  it('never throws into the write that it records', async () => {
    const hostile = {
      get a(): never {
        throw new Error('no');
      },
    };
    const event = await on.stored({ after: hostile });
    expect(event.after).toEqual({ a: '[Throws]' });
    expect(() => on.recorder.record(null as unknown as ObservedChange)).not.toThrow();
    expect(on.app.errors).toMatchObject([{ code: 'AUDIT_CAPTURE_FAILED' }]);
  });
});
