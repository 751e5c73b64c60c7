import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const ROOT = resolve(__dirname, '..');

interface Locked {
  readonly version?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}
type Tree = Readonly<Record<string, Locked>>;

/** Whether `require(name)` in the package at that path would find something. */
function isFound(tree: Tree, path: string, name: string): boolean {
  if (`${path === '' ? '' : `${path}/`}node_modules/${name}` in tree) return true;
  if (path === '') return false;
  const above = path.slice(0, Math.max(0, path.lastIndexOf('node_modules/') - 1));
  return isFound(tree, above, name);
}

/** What is needed on some platform and not locked: `npm ci` refuses such a file. */
function missingFrom(tree: Tree): readonly string[] {
  return Object.entries(tree).flatMap(([path, { dependencies, optionalDependencies }]) =>
    Object.keys({ ...dependencies, ...optionalDependencies })
      .filter((name) => !isFound(tree, path, name))
      .map((name) => `${name}, which ${path} needs`),
  );
}

describe('package-lock.json', () => {
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Tree;
  };

  it('locks every package of every platform, so that `npm ci` works on each', () => {
    expect(missingFrom(packages)).toEqual([]);
  });

  it('says nothing of where packages come from, and what each must be', () => {
    const installed = Object.entries(packages).filter(([path]) => path !== '');
    expect(installed.length).toBeGreaterThan(300);
    expect(installed.filter(([, { resolved }]) => resolved !== undefined)).toEqual([]);
    expect(installed.filter(([, { integrity }]) => !integrity?.startsWith('sha512-'))).toEqual([]);
  });

  it('agrees with package.json', () => {
    const { name, version, dependencies, devDependencies, peerDependencies } = require('../package.json');
    expect(packages['']).toMatchObject({ name, version, dependencies, devDependencies, peerDependencies });
  });

  it.each([
    ['a dependency', { '': { dependencies: { a: '1' } } }, ['a, which  needs']],
    [
      'an optional one',
      { 'node_modules/a': { optionalDependencies: { b: '1' } } },
      ['b, which node_modules/a needs'],
    ],
    [
      'one that is nested elsewhere',
      { 'node_modules/a': { dependencies: { b: '1' } }, 'node_modules/c/node_modules/b': {} },
      ['b, which node_modules/a needs'],
    ],
    [
      'nothing when it is nested',
      { 'node_modules/a': { dependencies: { b: '1' } }, 'node_modules/a/node_modules/b': {} },
      [],
    ],
    [
      'nothing when it is above',
      { 'node_modules/a/node_modules/@s/c': { dependencies: { b: '1' } }, 'node_modules/b': {} },
      [],
    ],
  ])('misses %s', (_, tree: Tree, missing) => {
    expect(missingFrom(tree)).toEqual(missing);
  });
});

describe('package.json', () => {
  const manifest = require('../package.json');

  it('supports what it says', () => {
    expect(manifest.engines).toEqual({ node: '>=20.19' });
    expect(manifest.peerDependencies).toMatchObject({
      express: '^4.21.0 || ^5.0.0',
      mongoose: '^8.0.0 || ^9.0.0',
    });
    expect(manifest.license).toBe('MIT');
  });

  it('brings nothing but what it needs', () => {
    expect(Object.keys(manifest.dependencies).sort()).toEqual(['jose', 'on-headers', 'ua-parser-js', 'zod']);
  });

  it('demands nothing of whoever shows no metrics', () => {
    expect(manifest.peerDependencies['prom-client']).toBe('^15.0.0');
    expect(manifest.peerDependenciesMeta['prom-client']).toEqual({ optional: true });
  });

  it('runs no script where it is installed', () => {
    const scripts = Object.keys(manifest.scripts);
    expect(scripts.filter((name) => /^(pre|post)?install$|^(pre)?prepare$/.test(name))).toEqual([]);
  });
});
