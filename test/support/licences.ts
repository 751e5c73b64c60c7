import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const PERMISSIVE: ReadonlySet<string> = new Set([
  '0BSD',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'CC0-1.0',
  'ISC',
  'MIT',
  'MIT-0',
  'Python-2.0',
  'Unlicense',
  'Zlib',
]);

export interface Package {
  readonly name: string;
  readonly version: string;
  /** SPDX expression, or '' where the package names none. */
  readonly licence: string;
}

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license?: string | { readonly type: string };
  readonly licenses?: readonly { readonly type: string }[];
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
}

/** The directory of the package that `require(name)` from there would find. */
function locate(name: string, from: string): string | undefined {
  const directory = join(from, 'node_modules', name);
  if (existsSync(join(directory, 'package.json'))) return directory;
  return dirname(from) === from ? undefined : locate(name, dirname(from));
}

function licenceOf({ license, licenses }: Manifest): string {
  if (typeof license === 'string') return license;
  if (license !== undefined) return license.type;
  return (licenses ?? []).map(({ type }) => type).join(' AND ');
}

/** What must be there, and what may be missing. */
function needsOf(manifest: Manifest): readonly (readonly [name: string, optional: boolean])[] {
  const { dependencies, optionalDependencies, peerDependencies, peerDependenciesMeta } = manifest;
  const optional = new Set(Object.keys(optionalDependencies ?? {}));
  for (const [name, meta] of Object.entries(peerDependenciesMeta ?? {}))
    if (meta.optional) optional.add(name);
  const names = Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies });
  return names.map((name) => [name, optional.has(name)] as const);
}

/** All installed packages that come with the named ones, those included, each once. */
export function productionTree(root: string, names: readonly string[]): readonly Package[] {
  const found = new Map<string, Package>();
  const visit = (name: string, from: string, neededBy: string, isOptional: boolean): void => {
    const directory = locate(name, from);
    if (directory === undefined) {
      if (isOptional) return;
      throw new Error(`${name}, which ${neededBy} needs, is not installed`);
    }
    if (found.has(directory)) return;
    const manifest = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as Manifest;
    found.set(directory, { name: manifest.name, version: manifest.version, licence: licenceOf(manifest) });
    for (const [need, optional] of needsOf(manifest)) visit(need, directory, manifest.name, optional);
  };
  for (const name of names) visit(name, root, 'this package', false);
  return [...found.values()];
}

/** An SPDX expression of AND, OR and parentheses; what is anything else is not permissive. */
function isPermissive(expression: string): boolean {
  const tokens = expression.match(/[()]|[^\s()]+/g) ?? [];
  let at = 0;
  const term = (): boolean => {
    const token = tokens[at++] ?? '';
    if (token !== '(') return PERMISSIVE.has(token);
    const inner = anyOf();
    return tokens[at++] === ')' && inner;
  };
  const allOf = (): boolean => {
    let result = term();
    while (tokens[at] === 'AND') {
      at++;
      result = term() && result;
    }
    return result;
  };
  const anyOf = (): boolean => {
    let result = allOf();
    while (tokens[at] === 'OR') {
      at++;
      result = allOf() || result;
    }
    return result;
  };
  return anyOf() && at === tokens.length;
}

/** The packages whose licence is not permissive, one line each. */
export function refused(packages: readonly Package[]): readonly string[] {
  const bad = packages.filter(({ licence }) => !isPermissive(licence));
  return bad.map(({ name, version, licence }) => `${name}@${version}: ${licence || 'none'}`);
}
