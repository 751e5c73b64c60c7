import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export const ROOT = join(__dirname, '../..');
export const TOKEN = 'demo-test-token';

export interface Demo {
  readonly url: string;
  readonly lines: readonly string[];
  readonly pid: number;
  get(
    path: string,
    authorization?: string,
  ): Promise<{ status: number; body: Record<string, never> & { count?: number; results?: Event[] } & Event }>;
  call(
    method: string,
    path: string,
    json?: unknown,
    headers?: Readonly<Record<string, string>>,
  ): Promise<{ status: number; auditId: string; body: Item }>;
  /** Sends a signal to the whole process group, and gives the exit code. */
  stop(signal: NodeJS.Signals): Promise<{ code: number | null; stderr: string }>;
}
type Event = {
  uuid: string;
  name: string;
  outcome: string;
  timestamp: string;
  post_data: unknown;
  user: unknown;
  tenant: string;
  labels: unknown;
  status: string;
};
type Item = { id: string; name: string; price: number; meta: unknown };

const running = new Set<ChildProcess>();

/** The demo as `npm start` runs it, in a process group of its own, up to its last line. */
export async function startDemo(env: Record<string, string>): Promise<Demo> {
  const child = spawn(process.execPath, ['dist/examples/server.js'], {
    cwd: ROOT,
    detached: true,
    env: { ...process.env, MONGODB_URI: '', PORT: '0', AUDIT_TOKEN: TOKEN, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  const exited = once(child, 'exit');
  void exited.then(() => running.delete(child));
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    stderr += String(chunk);
  });
  const lines: string[] = [];
  let url = '';
  for await (const line of createInterface(child.stdout)) {
    lines.push(line);
    url = /^listening on (http:.*)$/.exec(line)?.[1] ?? '';
    if (url !== '') break;
  }
  if (url === '') throw new Error(`the demo ended: ${stderr}`);
  return {
    url,
    lines,
    pid: child.pid ?? 0,
    async get(path, authorization = `Token ${TOKEN}`) {
      const response = await fetch(url + path, { headers: { authorization } });
      return { status: response.status, body: (await response.json()) as never };
    },
    async call(method, path, json, headers = {}) {
      const sent = { 'content-type': 'application/json', 'x-user': 'ann', 'x-tenant': 'acme', ...headers };
      const body = json === undefined ? null : JSON.stringify(json);
      const response = await fetch(url + path, { method, headers: sent, body });
      const auditId = response.headers.get('x-audit-id') ?? '';
      return { status: response.status, auditId, body: (await response.json()) as Item };
    },
    async stop(signal) {
      process.kill(-(child.pid ?? 0), signal);
      const [code] = (await exited) as [number | null];
      return { code, stderr };
    },
  };
}

export function buildDemo(): void {
  execFileSync('npm', ['run', '--silent', 'build:examples'], { cwd: ROOT, stdio: 'pipe' });
}

/** Of a test that failed, what it left running. */
export function killDemos(): void {
  for (const child of running) process.kill(-(child.pid ?? 0), 'SIGKILL');
}
