import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';

export interface Source {
  /** From the root of the repository, as `lib/record/queue.ts`. */
  readonly path: string;
  readonly text: string;
}

export interface Import {
  readonly line: number;
  /** A package's name, or of a file of ours its path without extension, as `lib/record/queue`. */
  readonly target: string;
  readonly isOurs: boolean;
  readonly isTypesOnly: boolean;
}

const STATEMENT = /^[ \t]*(?:import|export)\b([\w\s{},*$]*?)\bfrom\s*(['"])(.+?)\2/gm;
const BARE = /^[ \t]*import\s*()(['"])(.+?)\2/gm;
const CALL = /\b(?:import|require)()\s*\(\s*(['"])(.+?)\2/g;
const COMMENT = /^[ \t]*(?:\/\*[\s\S]*?\*\/|\/\/.*$)/gm;

export function readSources(root: string, folders: readonly string[]): readonly Source[] {
  const paths = folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) => `${folder}/${name}`),
  );
  return paths
    .filter((path) => /\.[cm]?ts$/.test(path))
    .sort()
    .map((path) => ({ path: path.replaceAll('\\', '/'), text: readFileSync(join(root, path), 'utf8') }));
}

export function withoutExtension(path: string): string {
  return path.replace(/\.[cm]?[jt]s$/, '');
}

/** The text with its comments blanked out: positions and lines stay. */
export function withoutComments(text: string): string {
  return text.replace(COMMENT, (comment) => comment.replace(/[^\n]/g, ' '));
}

function isTypesOnly(clause: string): boolean {
  if (/^\s*type\b/.test(clause)) return true;
  const names = /^\s*\{([^}]*)\}\s*$/.exec(clause)?.[1]?.split(',') ?? [];
  const filled = names.map((name) => name.trim()).filter((name) => name !== '');
  return filled.length > 0 && filled.every((name) => name.startsWith('type '));
}

function packageOf(specifier: string): string {
  if (specifier.startsWith('node:')) return specifier;
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

export function importsOf({ path, text }: Source): readonly Import[] {
  const code = withoutComments(text);
  const matches = [STATEMENT, BARE, CALL].flatMap((pattern) => [...code.matchAll(pattern)]);
  const imports = matches.map((match): Import => {
    const [whole, clause = '', , specifier = ''] = match;
    const isOurs = specifier.startsWith('.');
    const resolved = isOurs ? posix.join(dirname(path), specifier) : packageOf(specifier);
    return {
      line: code.slice(0, match.index + whole.length).split('\n').length,
      target: isOurs ? withoutExtension(resolved) : resolved,
      isOurs,
      isTypesOnly: isTypesOnly(clause),
    };
  });
  return imports.sort((a, b) => a.line - b.line);
}
