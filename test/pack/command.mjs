import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const execute = promisify(execFile);
const LIMIT_MS = 300_000;

/** Without what an npm around us tells its scripts: it is about another package. */
export function cleanEnvironment() {
  const entries = Object.entries(process.env);
  return Object.fromEntries(
    entries.filter(([name]) => !/^npm_(package|lifecycle|command)|^NODE_ENV$/.test(name)),
  );
}

/** What the command wrote to stdout; an error shows all that it wrote. */
export async function run(command, args, { cwd, env = cleanEnvironment() }) {
  try {
    const options = { cwd, env, timeout: LIMIT_MS, maxBuffer: 64 * 1024 ** 2, shell: false };
    const { stdout } = await execute(command, args, options);
    return stdout;
  } catch (error) {
    const { stdout = '', stderr = '' } = error;
    throw new Error(
      `${command} ${args.join(' ')} failed (${error.code ?? error.signal})\n${stdout}${stderr}`,
    );
  }
}
