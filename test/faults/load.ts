import { Agent, type IncomingMessage, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { Ledger, Sent } from './ledger';

/** Longer than any fault: who waits longer was forgotten. */
const HUNG_MS = 90_000;
const AGAIN_MS = 10;

/** Where requests go: a process that may die, and come back at another port. */
export class Target {
  private port = 0;
  private readonly waiting = new Set<() => void>();

  up(port: number): void {
    this.port = port;
    this.wake();
  }

  down(): void {
    this.port = 0;
  }

  /** The port once there is one, 0 when nobody will come any more. */
  async ready(): Promise<number> {
    if (this.port === 0) await new Promise<void>((wake) => this.waiting.add(wake));
    return this.port;
  }

  /** Lets go of who waits. */
  wake(): void {
    for (const wake of this.waiting) wake();
    this.waiting.clear();
  }
}

function note(sent: Sent, response: IncomingMessage): void {
  sent.progress = 'first byte';
  sent.status = response.statusCode ?? null;
  sent.isRejected = response.statusCode === 503 && response.headers['retry-after'] !== undefined;
}

/** One request, until its response is there or its connection is gone. Never rejects. */
export function exchange(agent: Agent, port: number, sent: Sent): Promise<void> {
  const { id, method, path } = sent;
  const body = sent.body === null ? null : JSON.stringify(sent.body);
  const headers: Record<string, string | number> = { 'x-request-id': id };
  if (body !== null) {
    headers['content-type'] = 'application/json';
    headers['content-length'] = Buffer.byteLength(body);
  }
  return new Promise((resolve) => {
    const outgoing = request({ agent, host: '127.0.0.1', port, method, path, headers });
    let bytesBefore = 0;
    outgoing.setTimeout(HUNG_MS, () => {
      sent.isHung = true;
      outgoing.destroy();
    });
    outgoing.on('socket', ({ bytesRead }) => {
      bytesBefore = bytesRead;
    });
    outgoing.on('response', (response) => {
      note(sent, response);
      response.on('end', () => {
        if (response.complete) sent.progress = 'whole';
      });
      response.on('error', () => {});
      response.on('close', resolve);
      response.resume();
    });
    outgoing.on('error', () => {
      const received = (outgoing.socket?.bytesRead ?? 0) - bytesBefore;
      if (sent.progress === 'none' && received > 0) sent.progress = 'first byte';
      resolve();
    });
    outgoing.end(body ?? undefined);
  });
}

export interface LoadOptions {
  readonly target: Target;
  readonly ledger: Ledger;
  readonly connections: number;
  /** Requests a second, all connections together. @default each as soon as the one before was answered */
  readonly rate?: number;
}

/** Requests over connections that stay open, until told to stop. */
export class Load {
  /** Milliseconds to the whole response, of those that were answered, oldest first. */
  readonly latencies: number[] = [];
  private isOver = false;
  private readonly workers: readonly Promise<void>[];

  constructor(private readonly options: LoadOptions) {
    const { connections } = options;
    this.workers = Array.from({ length: connections }, (_, index) => this.work(index / connections));
  }

  private async work(offset: number): Promise<void> {
    const { target, connections, rate } = this.options;
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const periodMs = rate === undefined ? 0 : (connections / rate) * 1000;
    let dueAt = performance.now() + offset * periodMs;
    while (!this.isOver) {
      const waitMs = dueAt - performance.now();
      if (periodMs > 0 && waitMs > 0) await delay(waitMs);
      dueAt = Math.max(dueAt + periodMs, performance.now() - periodMs);
      const port = await target.ready();
      if (!this.isOver && port !== 0) await this.send(agent, port);
    }
    agent.destroy();
  }

  private async send(agent: Agent, port: number): Promise<void> {
    const sent = this.options.ledger.next();
    const startedAt = performance.now();
    await exchange(agent, port, sent);
    if (sent.progress === 'whole') this.latencies.push(performance.now() - startedAt);
    // who is sent away comes back, but not at once
    if (sent.progress !== 'whole' || sent.isRejected) await delay(AGAIN_MS);
  }

  /** Resolves when the last response is there. */
  async stop(): Promise<void> {
    this.isOver = true;
    this.options.target.wake();
    await Promise.all(this.workers);
  }
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
