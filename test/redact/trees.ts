import fc from 'fast-check';

/** Keys and texts that storing, or a parser of somebody's, might change or lose. */
const HOSTILE_KEYS = [
  '',
  ' ',
  'a.b',
  '$where',
  '$ref',
  '$id',
  '$db',
  '_bsontype',
  '_id',
  '__proto__',
  'constructor',
  'prototype',
  'toBSON',
  'toJSON',
  'toString',
  'length',
  '0',
  '00',
  '-1',
  '\u0000',
  'a\u0000b',
  '\ud800',
  'a\udc00',
  '\udc00\ud800',
  '\u241B',
  '\u241B0000',
  '\u241Bd800',
  '\u241B\u241B',
  '[truncated]',
  '\u{1F600}',
];

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.string({
    unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)),
    maxLength: 20,
  }),
  fc.constantFrom(...HOSTILE_KEYS),
  fc.array(fc.constantFrom(...HOSTILE_KEYS), { maxLength: 4 }).map((parts) => parts.join('')),
);

function objectOf(pairs: readonly (readonly [string, unknown])[]): unknown {
  return JSON.parse(
    `{${pairs.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join()}}`,
  );
}

const scalar = fc.oneof(
  text,
  fc.double({ noDefaultInfinity: true, noNaN: true }),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.boolean(),
  fc.constant(null),
);

/** Whatever a JSON body may be: own keys only, as `JSON.parse` makes them. */
export const jsonTrees: fc.Arbitrary<unknown> = fc.letrec<{ tree: unknown }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 5, depthSize: 'small' },
    scalar,
    fc.array(tie('tree'), { maxLength: 6 }),
    fc.array(fc.tuple(text, tie('tree')), { maxLength: 6 }).map(objectOf),
    fc.constant({ _bsontype: 'Nope', $ref: 'x', $id: 1, $db: 'y' }),
  ),
})).tree;

export const SECRET_KEYS = [
  'password',
  'newPassword',
  'Pass-Word',
  'x-api-key',
  'client_secret',
  'sessionId',
  'ｔｏｋｅｎ',
  'to\u200Bken',
  'userPIN',
  'auth',
  'csrfToken',
  'Cookie',
  'credit card',
  'privateKey',
  'ssn',
] as const;

const name = fc.constantFrom('x', 'list', 'user', 'meta', 'a.b', '', '$x', 'data', 'items');
const harmless = fc.oneof(
  fc.constantFrom('y', '', 'zz', 'y=y', 'y&y'),
  fc.integer(),
  fc.boolean(),
  fc.constant(null),
);
const secretKey = fc.constantFrom(...SECRET_KEYS);

const asForm = (key: string, value: unknown): string =>
  `a=1&${encodeURIComponent(key)}=${encodeURIComponent(typeof value === 'string' ? value : JSON.stringify(value))}&b=2`;

/** The ways in which one member says that its value is a secret. */
function planted(canary: string): fc.Arbitrary<unknown> {
  const value = fc.oneof(
    fc.constant<unknown>(canary),
    fc.constant<unknown>([1, canary]),
    fc.constant<unknown>({ deep: [{ v: canary }] }),
  );
  return fc.tuple(secretKey, value, fc.nat({ max: 9 })).map(([key, secret, way]) => {
    switch (way) {
      case 0:
        return { name: key, value: secret, type: 'x' };
      case 1:
        return [key, secret];
      case 2:
        return { op: 'replace', path: `/a/${key}`, value: secret };
      case 3:
        return asForm(key, secret);
      case 4:
        return { x: 'y', [key]: [null, secret] };
      case 5:
        return `https://h/p?${asForm(key, secret)}#x`;
      default:
        return { [key]: secret, x: 1 };
    }
  });
}

const inText = (value: unknown): unknown => JSON.stringify(value);

/** Trees in which a canary stands under secret keys at random places. */
export const plantedTrees = (canary: string): fc.Arbitrary<unknown> =>
  fc.letrec<{ tree: unknown }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 5, withCrossShrink: true },
      fc.oneof(harmless, planted(canary)),
      planted(canary),
      fc.array(tie('tree'), { maxLength: 4 }),
      fc.dictionary(name, tie('tree'), { maxKeys: 4 }),
      tie('tree').map(inText),
      tie('tree').map((value) => asForm('q', value)),
    ),
  })).tree;

/** Texts of all the characters that structure texts, and of no secret. */
export const structuredTexts = fc.oneof(
  fc.string({ unit: fc.constantFrom(...'xyzXY1 {}[]":,=&;%+/?#.-_\\\n\''), maxLength: 60 }),
  jsonTrees.map((tree) => JSON.stringify(tree).replace(/[a-z]/gi, 'x').replace(/\d/g, '1')),
);
