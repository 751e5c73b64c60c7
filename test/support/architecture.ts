import { type Import, importsOf, type Source, withoutComments, withoutExtension } from './sources';

export interface Border {
  /** What is guarded: a package, or a folder of ours. */
  readonly of: string;
  readonly openTo: readonly string[];
  /** Who may import types from it besides. */
  readonly typesFor?: readonly string[];
}

export interface Pattern {
  readonly rule: string;
  readonly broken: RegExp;
}

/** Paths have no extensions; one that ends in a slash stands for all files below that folder. */
export interface Rules {
  /** A file imports only from rows above its own; the longest path that fits is the file's. */
  readonly ranks: readonly (readonly string[])[];
  /** Where files of one rank may import each other; `x.ts` beside the folder `x/` counts as in it. */
  readonly folders: readonly string[];
  readonly borders: readonly Border[];
  /** All that may be imported but Node's own. */
  readonly packages: readonly string[];
  readonly patterns: readonly Pattern[];
  readonly longestFile: number;
}

const NO_RANK = 'it has no rank: give it one in RANKS';

function isAmong(path: string, names: readonly string[]): boolean {
  return names.some((name) => (name.endsWith('/') ? path.startsWith(name) : path === name));
}

/** -1 where no row has the path. */
function rankOf({ ranks }: Rules, path: string): number {
  const fitting = ranks.flat().filter((name) => isAmong(path, [name]));
  const nearest = fitting.reduce((best, name) => (name.length > best.length ? name : best), '');
  return ranks.findIndex((row) => row.includes(nearest));
}

function brokenRank(rules: Rules, path: string, target: string): string | null {
  const [own, other] = [rankOf(rules, path), rankOf(rules, target)];
  if (other === -1) return NO_RANK;
  if (other < own || path === target) return null;
  if (other > own) return 'nothing imports upward';
  const isIn = (one: string, folder: string): boolean => `${one}/`.startsWith(folder);
  const isNeighbour = rules.folders.some((folder) => isIn(path, folder) && isIn(target, folder));
  return isNeighbour ? null : 'files of one rank never import each other';
}

function brokenBorder({ borders }: Rules, path: string, { target, isTypesOnly }: Import): string | null {
  const border = borders.find(({ of }) => isAmong(target, [of]));
  if (border === undefined || isAmong(path, border.openTo)) return null;
  if (border.typesFor === undefined || !isAmong(path, border.typesFor))
    return `${border.of} is for ${border.openTo.join(' ') || 'nobody'}`;
  return isTypesOnly ? null : `${border.of} is there for its types only`;
}

function brokenImport(rules: Rules, path: string, one: Import): string | null {
  if (one.target.startsWith('node:')) return null;
  if (one.isOurs) return brokenBorder(rules, path, one) ?? brokenRank(rules, path, one.target);
  return rules.packages.includes(one.target) ? brokenBorder(rules, path, one) : 'it is no dependency';
}

/** Names what a source breaks: file, line, rule. */
export function createJudge(rules: Rules): (source: Source) => readonly string[] {
  return function violationsIn(source) {
    const path = withoutExtension(source.path);
    const code = withoutComments(source.text);
    const violations = importsOf(source).flatMap((one) => {
      const rule = brokenImport(rules, path, one);
      return rule === null ? [] : [`${source.path}:${one.line} imports ${one.target}: ${rule}`];
    });
    for (const { rule, broken } of rules.patterns) {
      const found = broken.exec(code);
      if (found === null) continue;
      violations.push(`${source.path}:${code.slice(0, found.index).split('\n').length}: ${rule}`);
    }
    const lines = source.text.trimEnd().split('\n').length;
    if (lines > rules.longestFile)
      violations.push(`${source.path}:${lines}: no file is longer than ${rules.longestFile} lines`);
    if (rankOf(rules, path) === -1) violations.push(`${source.path}:1: ${NO_RANK}`);
    return violations;
  };
}
