import * as fc from 'fast-check';
import { applyDiff, type Json } from '../../lib/index';
import { parseOptions } from '../../lib/options';
import { copyStates } from '../../lib/record/change-copies';
import { createRedactor } from '../../lib/record/redact/redactor';

const KEYS = [
  'a',
  'b',
  'password',
  'email',
  'tags',
  '__proto__',
  '_bsontype',
  '$ref',
  '0',
  '4111 1111 1111 1111',
];
const TEXTS = [
  'x',
  'fake-hunter2',
  'Bearer fake-0123456789abcdef',
  '{"password":"fake-x"}',
  'https://u:fake@h/?token=fake',
  '\ud800',
];

/** States with secrets in keys, values, texts and beside their names. */
const state = fc.letrec<{ any: Json; object: Json }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom<Json>(null, true, 0, 1, 4111111111111111, ...TEXTS),
    fc.array(tie('any'), { maxLength: 3 }),
    fc.record({ name: fc.constantFrom('password', 'a'), value: fc.constantFrom<Json>('fake-1', 'fake-2') }),
    tie('object'),
  ),
  object: fc.dictionary(fc.constantFrom(...KEYS), tie('any'), { maxKeys: 5 }),
})).object;

const settings = parseOptions({ mongo: 'mongodb://localhost/a' });
const reported: Error[] = [];
const reporter = { error: (error: Error) => reported.push(error), once: () => {}, dropped: () => {} };

function copiesOf(before: Json, after: Json, recordSecrets = false) {
  const createRedaction = createRedactor(settings.redact, recordSecrets);
  const masked = ['b', 'tags.a'];
  return copyStates({ settings, reporter, createRedaction }, { before, after, masked, maxBytes: 100_000 });
}

describe('the copies of a change', () => {
  it.each([
    ['masked', false],
    ['recorded on purpose', true],
  ])('have a diff that leads from before to after, with secrets %s', (_, recordSecrets) => {
    fc.assert(
      fc.property(state, state, (one, other) => {
        const { before, after, diff, truncated } = copiesOf(one, other, recordSecrets);
        expect(truncated).toEqual([]);
        expect(applyDiff(before, diff)).toEqual(after);
      }),
      { numRuns: 1_500 },
    );
    expect(reported).toEqual([]);
  });

  it('tell in the diff no value that the states do not show', () => {
    fc.assert(
      fc.property(state, state, (one, other) => {
        const { before, after, diff } = copiesOf(one, other);
        const shown = `${JSON.stringify(before)}${JSON.stringify(after)}`;
        for (const entry of diff ?? []) {
          const { lhs, rhs } = entry.item ?? entry;
          for (const value of [lhs, rhs]) expect(shown).toContain(JSON.stringify(value) ?? '');
        }
      }),
      { numRuns: 1_500 },
    );
  });

  it('have a difference wherever the states have one', () => {
    fc.assert(
      fc.property(state, state, (one, other) => {
        const isEqual = JSON.stringify(sorted(one)) === JSON.stringify(sorted(other));
        expect(copiesOf(one, other).diff?.length === 0).toBe(isEqual);
      }),
      { numRuns: 1_500 },
    );
  });
});

/** Members in one order. */
function sorted(value: Json): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, member]) => [key, sorted(member)]);
}
