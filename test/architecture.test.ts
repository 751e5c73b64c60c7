import { resolve } from 'node:path';
import { type Border, createJudge, type Pattern } from './support/architecture';
import { importsOf, readSources } from './support/sources';

/**
 * Who may import whom: a file imports only from rows above its own. A name that ends in a slash stands for all
 * files below that folder that are not named themselves.
 */
const RANKS: readonly (readonly string[])[] = [
  // vocabulary
  ['lib/event', 'lib/errors', 'lib/names', 'lib/observed-change'],
  // words
  [
    'lib/escape',
    'lib/context',
    'lib/plain',
    'lib/apply-diff',
    'lib/address',
    'lib/suggest',
    'lib/journal',
    'lib/durability',
    'lib/query/filter',
  ],
  // contracts
  [
    'lib/store',
    'lib/options',
    'lib/diff',
    'lib/origin',
    'lib/report',
    'lib/health',
    'lib/metrics',
    'lib/query/dialect',
  ],
  // helpers
  [
    'lib/query/authenticate',
    'lib/query/parameters',
    'lib/query/openapi',
    'lib/query/cursor',
    'lib/query/links',
    'lib/query/payload',
    'lib/query/rest-problem',
    'lib/query/integer-id',
    'lib/query/stop',
    'lib/query/jwt-keys',
    'models/',
  ],
  // what a router is made of
  ['lib/query/gate', 'lib/query/router-options', 'lib/query/predicate', 'lib/query/prefer'],
  ['lib/query/reading'],
  // tokens: their options, the options parsed, their use
  ['lib/query/jwt-options'],
  ['lib/query/parse-jwt-options'],
  ['lib/query/jwt'],
  // what record stages share, the least of it first
  ['lib/record/uuid', 'lib/record/retry', 'lib/record/own-method', 'lib/record/intake'],
  ['lib/record/short-text'],
  ['lib/record/actor', 'lib/record/object'],
  ['lib/record/notes'],
  // stages
  ['lib/record/', 'lib/query/dialects/', 'lib/mongo/', 'lib/changes/', 'lib/viewer/'],
  // all of them
  ['lib/query/dialects'],
  // several stages as one
  ['lib/record/safe-copies'],
  ['lib/record/change-copies', 'lib/record/held-changes', 'lib/record/early-outcome'],
  ['lib/record/change-event'],
  // composers
  [
    'lib/record/recording',
    'lib/record/record-call',
    'lib/record/run-call',
    'lib/record/change-recorder',
    'lib/record/identities',
    'lib/record/open-entry',
    'lib/record/sender',
    'lib/record/unseen-request',
  ],
  ['lib/record/deliver'],
  ['lib/record/admission'],
  // entrances
  ['lib/record/middleware', 'lib/record/attach', 'lib/query/router', 'lib/viewer/router', 'lib/cli/'],
  // where record and query meet
  ['lib/reading-call'],
  // what is wired together, as its user sees it
  ['lib/audit-interface'],
  // wiring
  ['lib/audit', 'lib/read-spool', 'lib/cli/main'],
  // exports
  ['lib/index'],
];

/** Only in these may files of one row import each other; `x.ts` beside the folder `x/` counts as in it. */
const FOLDERS = [
  'lib/mongo/',
  'lib/changes/',
  'lib/record/normalise/',
  'lib/record/redact/',
  'lib/record/spool/',
  'lib/viewer/',
  'lib/cli/',
];

const WIRING = [
  'lib/audit',
  'lib/audit-interface',
  'lib/read-spool',
  'lib/index',
  'lib/cli/main',
  'lib/reading-call',
];

const BORDERS: readonly Border[] = [
  // types: it is what users hand in; the driver is always mongoose's own
  { of: 'mongoose', openTo: ['models/', 'lib/mongo/', 'lib/changes/'], typesFor: ['lib/options'] },
  // it is the app's: whichever copy calls us is the right one
  { of: 'express', openTo: [], typesFor: ['lib/'] },
  // optional: whatever does not need it must run without
  { of: 'prom-client', openTo: ['lib/metrics'] },
  { of: 'models/', openTo: ['models/', 'lib/mongo/', ...WIRING] },
  { of: 'lib/mongo/', openTo: ['lib/mongo/', ...WIRING] },
  { of: 'lib/changes/', openTo: ['lib/changes/', ...WIRING] },
  { of: 'lib/record/', openTo: ['lib/record/', ...WIRING] },
  {
    of: 'lib/query/',
    openTo: ['lib/query/', 'lib/store', 'lib/mongo/', 'lib/viewer/', 'lib/cli/', ...WIRING],
  },
];

const LONGEST_FILE = 300;

const PATTERNS: readonly Pattern[] = [
  { rule: 'no default exports', broken: /^export (default\b|\{[^}]*\bas default\b)/m },
  { rule: 'no module-level state', broken: /^(export )?(let|var)\s/m },
  // empty, it is there to be filled
  {
    rule: 'no module-level state',
    broken:
      /^(export )?const (?![^=;]*\b[Rr]eadonly)[^=;]*=\s*(new (Weak)?(Map|Set)(<[^;]*>)?\(\)|\[\]|\{\});/m,
  },
];

const { dependencies, peerDependencies } = require('../package.json') as Record<
  string,
  Record<string, string>
>;
const PACKAGES = Object.keys({ ...dependencies, ...peerDependencies });

const violationsIn = createJudge({
  ranks: RANKS,
  folders: FOLDERS,
  borders: BORDERS,
  packages: PACKAGES,
  patterns: PATTERNS,
  longestFile: LONGEST_FILE,
});
const sources = readSources(resolve(__dirname, '..'), ['lib', 'models']);

describe('every source file', () => {
  it('is read, with its imports', () => {
    const paths = sources.map(({ path }) => path);
    expect(paths).toEqual(expect.arrayContaining(['lib/index.mts', 'lib/audit.ts', 'models/audit-event.ts']));
    const lines = sources.flatMap(
      ({ text }) => text.match(/^(import\b|export .*\bfrom\b|\} from\b).*/gm) ?? [],
    );
    const statements = lines.filter((line) => /['"]/.test(line));
    const calls = sources.flatMap(({ text }) => text.match(/\b(?:import|require)\('/g) ?? []);
    const found = sources.flatMap((source) => importsOf(source));
    expect(found).toHaveLength(statements.length + calls.length);
  });

  it.each(sources.map((source) => [source.path, source] as const))('%s keeps the rules', (_, source) => {
    expect(violationsIn(source)).toEqual([]);
  });
});

describe('a broken rule is named with its file and line', () => {
  const from = (target: string) => `\nimport { one } from '${target}';\n`;

  it.each([
    [
      'lib/event.ts',
      from('./errors'),
      'lib/event.ts:2 imports lib/errors: files of one rank never import each other',
    ],
    ['lib/store.ts', from('./audit'), 'lib/store.ts:2 imports lib/audit: nothing imports upward'],
    [
      'lib/escape.ts',
      from('./brand-new'),
      'lib/escape.ts:2 imports lib/brand-new: it has no rank: give it one in RANKS',
    ],
    ['lib/brand-new.ts', '', 'lib/brand-new.ts:1: it has no rank: give it one in RANKS'],
    [
      'lib/record/body.ts',
      from('./queue'),
      'lib/record/body.ts:2 imports lib/record/queue: files of one rank never import each other',
    ],
    [
      'lib/record/redact/keys.ts',
      from('../normalise'),
      'lib/record/redact/keys.ts:2 imports lib/record/normalise: files of one rank never import each other',
    ],
    [
      'lib/record/normaliser.ts',
      from('./normalise'),
      'lib/record/normaliser.ts:2 imports lib/record/normalise: files of one rank never import each other',
    ],
    [
      'lib/query/dialects/history.ts',
      from('./audit-events'),
      'lib/query/dialects/history.ts:2 imports lib/query/dialects/audit-events: files of one rank never import each other',
    ],
    [
      'lib/query/router.ts',
      "\nimport '../record/uuid';",
      'lib/query/router.ts:2 imports lib/record/uuid: lib/record/ is for ',
    ],
    [
      'lib/record/deliver.ts',
      from('../query/filter'),
      'lib/record/deliver.ts:2 imports lib/query/filter: lib/query/ is for ',
    ],
    [
      'lib/record/deliver.ts',
      from('../mongo/writer'),
      'lib/record/deliver.ts:2 imports lib/mongo/writer: lib/mongo/ is for ',
    ],
    [
      'lib/viewer/router.ts',
      from('../../models/counter'),
      'lib/viewer/router.ts:2 imports models/counter: models/ is for ',
    ],
    [
      'lib/cli/tail.ts',
      from('mongoose'),
      'lib/cli/tail.ts:2 imports mongoose: mongoose is for models/ lib/mongo/ lib/changes/',
    ],
    [
      'lib/options.ts',
      from('mongoose'),
      'lib/options.ts:2 imports mongoose: mongoose is there for its types only',
    ],
    ['lib/mongo/ids.ts', from('mongodb'), 'lib/mongo/ids.ts:2 imports mongodb: it is no dependency'],
    ['lib/audit.ts', from('left-pad/deep'), 'lib/audit.ts:2 imports left-pad: it is no dependency'],
    [
      'lib/record/body.ts',
      "\nimport {\n  type Request,\n  request,\n} from 'express';",
      'lib/record/body.ts:5 imports express: express is there for its types only',
    ],
    [
      'lib/audit.ts',
      "const a = require('express');",
      'lib/audit.ts:1 imports express: express is there for its types only',
    ],
    [
      'lib/audit.ts',
      "\nawait import('express');",
      'lib/audit.ts:2 imports express: express is there for its types only',
    ],
    ['lib/event.ts', '\nexport default 1;', 'lib/event.ts:2: no default exports'],
    ['lib/event.ts', '\nexport { one as default };', 'lib/event.ts:2: no default exports'],
    ['lib/event.ts', '\nlet count = 0;', 'lib/event.ts:2: no module-level state'],
    [
      'lib/event.ts',
      '\nexport const seen = new Map<string, number>();',
      'lib/event.ts:2: no module-level state',
    ],
    ['lib/event.ts', 'const seen: string[] =\n  [];', 'lib/event.ts:1: no module-level state'],
    [
      'lib/event.ts',
      'one();\n'.repeat(LONGEST_FILE + 1),
      'lib/event.ts:301: no file is longer than 300 lines',
    ],
  ])('in %s (%j)', (path, text, violation) => {
    expect(violationsIn({ path, text })).toEqual([expect.stringContaining(violation)]);
  });

  it.each([
    ['lib/record/body.ts', "import { type Request, type Response } from 'express';"],
    ['lib/record/redact/redact.ts', from('./keys')],
    ['lib/record/normalise.ts', from('./normalise/cut')],
    ['lib/record/spool/segment.ts', from('./record')],
    ['lib/changes/plugin.ts', `${from('mongoose')}${from('../context')}${from('./wrap')}`],
    ['lib/viewer/router.ts', `${from('./page')}${from('../store')}${from('../query/filter')}`],
    ['lib/cli/main.ts', `${from('./tail')}${from('../mongo/reader')}`],
    ['lib/query/openapi.ts', `${from('./dialect')}${from('zod')}${from('node:util')}`],
    ['lib/event.ts', "// import x from './audit';\n/**\n * import x from './audit';\n */"],
    ['lib/event.ts', `${'one();\n'.repeat(LONGEST_FILE)}`],
    [
      'lib/event.ts',
      "const NAMES = new Set(['a']);\nconst NONE: readonly string[] = [];\nfunction f() {\n  let count = 0;\n}",
    ],
  ])('what is allowed in %s is not (%j)', (path, text) => {
    expect(violationsIn({ path, text })).toEqual([]);
  });
});
