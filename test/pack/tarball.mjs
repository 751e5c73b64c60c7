import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { run } from './command.mjs';

const NEEDED = [
  'CHANGELOG.md',
  'LICENSE',
  'README.md',
  'package.json',
  'dist/lib/index.d.mts',
  'dist/lib/index.d.ts',
  'dist/lib/index.js',
  'dist/lib/index.mjs',
];
/** Code, and for each file its declarations. */
const BUILT = /^dist\/(lib|models)\/[a-z0-9/-]+(\.js|\.d\.ts|\.mjs|\.d\.mts)$/;

async function filesIn(tarball) {
  const listing = await run('tar', ['-tzf', tarball], {});
  return listing
    .split('\n')
    .filter(Boolean)
    .map((path) => path.replace(/^package\//, ''));
}

/** Nothing is missing, and nothing is in it that users have no use for: tests, sources, build info. */
export async function checkContents(tarball) {
  const files = await filesIn(tarball);
  const missing = NEEDED.filter((path) => !files.includes(path));
  const surplus = files.filter((path) => !NEEDED.includes(path) && !BUILT.test(path));
  if (missing.length > 0) throw new Error(`misses ${missing.join(', ')}`);
  if (surplus.length > 0) throw new Error(`holds ${surplus.join(', ')}`);
  return `${files.length} files`;
}

export async function checkPackageJson(tarball) {
  const packed = await readFile(tarball);
  const { messages, pkg } = await publint({ pack: { tarball: new Uint8Array(packed).buffer }, strict: true });
  const problems = messages.filter(({ type }) => type !== 'suggestion');
  if (problems.length > 0) throw new Error(problems.map((one) => formatMessage(one, pkg)).join('\n'));
  return `${messages.length} suggestions`;
}

/** The types are right for every way in which TypeScript may resolve the package. */
export async function checkTypes(tarball, root) {
  const attw = join(root, 'node_modules', '@arethetypeswrong', 'cli', 'dist', 'index.js');
  await run(process.execPath, [attw, tarball, '--format', 'ascii', '--no-emoji', '--no-color'], {
    cwd: root,
  });
  return 'no problems found';
}
