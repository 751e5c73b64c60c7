import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** The demo with traffic of its own, so that there are rows; up to where it has stored them and listens. */
export async function startDemo(root, token) {
  const child = spawn(process.execPath, ['dist/examples/server.js'], {
    cwd: root,
    env: { ...process.env, PORT: '0', AUDIT_TOKEN: token, DEMO_TRAFFIC: '1' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const stop = async () => {
    child.kill('SIGTERM');
    const [code, signal] = await exited;
    if (code !== 0) throw new Error(`the demo ended by ${signal ?? code}`);
  };
  for await (const line of createInterface(child.stdout)) {
    const url = /^listening on (http:.*)$/.exec(line)?.[1];
    if (url !== undefined) {
      child.stdout.resume();
      return { url, stop };
    }
  }
  throw new Error('the demo ended before it listened');
}
