import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Block {
  /** Of the opening fence. */
  readonly line: number;
  readonly language: string;
  readonly code: string;
  /** `examples/minimal.ts#minimal`, where the line before says so. */
  readonly origin: string | null;
}

const FENCE = /^(`{3,})[ \t]*([\w-]*).*\n([\s\S]*?)^\1[ \t]*$/gm;
const MARK = /^<!-- snippet: (\S+) -->$/;
const MUST_RUN: ReadonlySet<string> = new Set([
  'ts',
  'typescript',
  'mts',
  'cts',
  'js',
  'javascript',
  'mjs',
  'cjs',
]);

export function blocksOf(markdown: string): readonly Block[] {
  return [...markdown.matchAll(FENCE)].map((match) => {
    const before = markdown.slice(0, match.index).split('\n');
    const [, , language = '', code = ''] = match;
    const origin = MARK.exec(before.at(-2)?.trim() ?? '')?.[1] ?? null;
    return { line: before.length, language: language.toLowerCase(), code: code.trimEnd(), origin };
  });
}

/** Without the indentation that all lines share, and without empty lines around. */
function dedent(lines: readonly string[]): string {
  const indents = lines
    .filter((line) => line.trim() !== '')
    .map((line) => line.length - line.trimStart().length);
  const indent = Math.min(...indents);
  const shifted = lines.map((line) => line.slice(indent).trimEnd());
  return shifted.join('\n').replace(/^\n+|\n+$/g, '');
}

/** What stands between `// #region name` and the next `// #endregion`; null without them. */
export function regionOf(text: string, name: string): string | null {
  const lines = text.split('\n');
  const start = lines.findIndex((line) => line.trim() === `// #region ${name}`);
  const length = lines.slice(start + 1).findIndex((line) => line.trim().startsWith('// #endregion'));
  return start === -1 || length === -1 ? null : dedent(lines.slice(start + 1, start + 1 + length));
}

function problemWith(block: Block, root: string): string | null {
  if (block.origin === null)
    return MUST_RUN.has(block.language) ? 'has no comment `<!-- snippet: file#region -->` before it' : null;
  const [file = '', region = ''] = block.origin.split('#');
  if (!/^(examples|test|bench)\/[^.]/.test(file)) return `is from ${file}, which nothing runs`;
  if (!existsSync(join(root, file))) return `is from ${file}, which does not exist`;
  const code = regionOf(readFileSync(join(root, file), 'utf8'), region);
  if (code === null) return `is from ${file}, which has no region ${region}`;
  return code === block.code ? null : `differs from the region ${region} of ${file}, which is:\n${code}`;
}

/** What is wrong with the code blocks of a page, one entry each. */
export function problemsOf(markdown: string, root: string): readonly string[] {
  return blocksOf(markdown).flatMap((block) => {
    const problem = problemWith(block, root);
    return problem === null ? [] : [`the ${block.language} block at line ${block.line} ${problem}`];
  });
}
