import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { productionTree, refused } from './support/licences';

const ROOT = resolve(__dirname, '..');
const { dependencies, peerDependencies } = require('../package.json') as Record<
  'dependencies' | 'peerDependencies',
  Record<string, string>
>;
/** Peers come with the app, in every major that is supported. */
const OTHER_MAJORS = ['express4', 'mongoose8'];
const STARTS = [...Object.keys(dependencies), ...Object.keys(peerDependencies), ...OTHER_MAJORS];

describe('the production tree of this package', () => {
  const tree = productionTree(ROOT, STARTS);

  it('is found whole: dependencies, peers and theirs', () => {
    const names = tree.map(({ name }) => name);
    expect(names).toEqual(
      expect.arrayContaining(['zod', 'on-headers', 'ua-parser-js', 'qs', 'bson', 'mongodb']),
    );
    const majors = (wanted: string) =>
      tree.filter(({ name }) => name === wanted).map(({ version }) => version.split('.')[0]);
    expect(majors('express').sort()).toEqual(['4', '5']);
    expect(majors('mongoose').sort()).toEqual(['8', '9']);
  });

  it('has permissive licences only', () => {
    expect(refused(tree)).toEqual([]);
  });

  it('has the MIT line of ua-parser-js, not 2.x', () => {
    expect(dependencies['ua-parser-js']).toMatch(/^\^1\./);
    const [parser, ...others] = tree.filter(({ name }) => name === 'ua-parser-js');
    expect(others).toEqual([]);
    expect(parser).toMatchObject({ version: expect.stringMatching(/^1\./), licence: 'MIT' });
  });
});

describe('a licence', () => {
  it.each([
    'MIT',
    'Apache-2.0',
    '(MIT OR GPL-3.0-or-later)',
    'BSD-3-Clause AND (ISC OR AGPL-3.0-only)',
    '(MIT OR Apache-2.0) AND BlueOak-1.0.0',
  ])('%j is permissive', (licence) => {
    expect(refused([{ name: 'guest', version: '1.0.0', licence }])).toEqual([]);
  });

  it.each([
    'AGPL-3.0-or-later',
    'GPL-2.0',
    'LGPL-3.0-only',
    'SSPL-1.0',
    'MIT AND GPL-3.0-only',
    '(MIT OR ISC) AND AGPL-3.0-only',
    'MIT OR',
    'MIT ISC',
    'MIT OR ISC)',
    'Apache-2.0 WITH Commons-Clause',
    'SEE LICENSE IN LICENSE.txt',
    'UNLICENSED',
    '',
  ])('%j is refused', (licence) => {
    expect(refused([{ name: 'guest', version: '1.0.0', licence }])).toEqual([
      `guest@1.0.0: ${licence || 'none'}`,
    ]);
  });
});

describe('a package', () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'licences-'));
  });
  afterEach(() => rmSync(root, { recursive: true }));

  function place(path: string, manifest: object): void {
    const file = join(root, path, 'package.json');
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, JSON.stringify(manifest));
  }
  const found = () => refused(productionTree(root, ['host']));

  it.each([
    ['dependencies', { dependencies: { guest: '1' } }],
    ['optional dependencies', { optionalDependencies: { guest: '1', elsewhere: '1' } }],
    ['peers', { peerDependencies: { guest: '1' } }],
  ])('that comes in by the %s of another is judged', (_, manifest) => {
    place('node_modules/host', { name: 'host', version: '1.0.0', license: 'MIT', ...manifest });
    place('node_modules/guest', { name: 'guest', version: '2.0.0', license: 'AGPL-3.0-or-later' });
    expect(found()).toEqual(['guest@2.0.0: AGPL-3.0-or-later']);
  });

  it('that is nested in another is taken for the one above', () => {
    place('node_modules/host', {
      name: 'host',
      version: '1.0.0',
      license: 'MIT',
      dependencies: { guest: '2' },
    });
    place('node_modules/guest', { name: 'guest', version: '1.0.0', license: 'MIT' });
    place('node_modules/host/node_modules/guest', { name: 'guest', version: '2.0.0', license: 'GPL-3.0' });
    expect(found()).toEqual(['guest@2.0.0: GPL-3.0']);
  });

  it('that is needed and not installed is an error', () => {
    place('node_modules/host', {
      name: 'host',
      version: '1.0.0',
      license: 'MIT',
      dependencies: { guest: '1' },
    });
    expect(found).toThrow('guest, which host needs, is not installed');
  });

  it('of the old way to name licences is understood', () => {
    const licenses = [{ type: 'MIT' }, { type: 'GPL-3.0' }];
    place('node_modules/host', { name: 'host', version: '1.0.0', licenses });
    expect(found()).toEqual(['host@1.0.0: MIT AND GPL-3.0']);
  });
});
