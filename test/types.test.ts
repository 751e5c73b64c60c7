import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

/** A compiler takes its time where others work too. */
jest.setTimeout(120_000);

const ROOT = resolve(__dirname, '..');

/** What the compiler has to say of one file, importing this package by its name. */
function errorsOf(file: string, entry: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'types-'));
  try {
    const config = join(directory, 'tsconfig.json');
    const compilerOptions = {
      noEmit: true,
      typeRoots: [join(ROOT, 'node_modules/@types')],
      types: ['node'],
      paths: { 'express-audit-events': [join(ROOT, entry)] },
    };
    const files = [join(ROOT, 'test/types', file)];
    writeFileSync(
      config,
      JSON.stringify({ extends: join(ROOT, 'tsconfig.json'), compilerOptions, files, include: [] }),
    );
    execFileSync(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', config]);
    return '';
  } catch (error) {
    return String((error as { stdout?: Buffer }).stdout ?? error);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

describe('the types', () => {
  it.each(['lib/index.ts', 'lib/index.mts'])('refuse a name that was not told, of %s', (entry) => {
    expect(errorsOf('named.ts', entry)).toBe('');
  });

  it('take any name where none was told', () => {
    expect(errorsOf('unnamed.ts', 'lib/index.ts')).toBe('');
  });
});
