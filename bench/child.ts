import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

interface Question {
  readonly number: number;
  readonly text: string;
}

interface Answer {
  readonly number: number;
  readonly value?: unknown;
  readonly error?: string;
}

/** A process of its own that answers questions. */
export interface Child {
  ask<T>(question: string): Promise<T>;
  stop(): Promise<void>;
}

/** Starts `bench/<name>` in a process of its own. */
export function startChild(name: string, args: readonly string[], execArgv: readonly string[] = []): Child {
  const child: ChildProcess = fork(join(__dirname, `${name}.js`), [...args], { execArgv: [...execArgv] });
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  let asked = 0;
  child.on('message', ({ number, value, error }: Answer) => {
    const asker = waiting.get(number);
    waiting.delete(number);
    if (error === undefined) asker?.resolve(value);
    else asker?.reject(new Error(`${name}: ${error}`));
  });
  child.on('exit', (code) => {
    for (const { reject } of waiting.values()) reject(new Error(`${name} ended with ${code}`));
  });
  return {
    ask<T>(text: string): Promise<T> {
      asked += 1;
      const question: Question = { number: asked, text };
      return new Promise<T>((resolve, reject) => {
        waiting.set(question.number, { resolve: (value) => resolve(value as T), reject });
        child.send(question);
      });
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.disconnect();
      await ended;
    },
  };
}

/** The other side: answers until the parent goes. */
export function answerParent(answers: Readonly<Record<string, () => unknown>>): void {
  process.on('message', async ({ number, text }: Question) => {
    try {
      process.send?.({ number, value: await answers[text]?.() } satisfies Answer);
    } catch (error) {
      process.send?.({ number, error: String(error) } satisfies Answer);
    }
  });
  process.on('disconnect', () => process.exit(0));
}
