import { randomBytes } from 'node:crypto';

export const LEVELS = ['memory', 'spool', 'strict-disk', 'strict-mongo'] as const;
export type Level = (typeof LEVELS)[number];

export const isStrict = (level: Level): boolean => level.startsWith('strict');

/** Ways in which a handler of the app answers: each meets its client's last byte at another moment. */
export const ANSWERS = ['json', 'length', 'file', 'stream', 'echo'] as const;
export type Answer = (typeof ANSWERS)[number] | 'document' | 'poison';

/** What is known of one request, from outside the app. */
export interface Sent {
  readonly id: string;
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>> | null;
  /** How much of its response has come. */
  progress: 'none' | 'first byte' | 'whole';
  status: number | null;
  /** Refused before its handler ran: 503, with a Retry-After. */
  isRejected: boolean;
  /** Neither answered nor cut off, for as long as the client waited. */
  isHung: boolean;
}

export interface Mix {
  readonly level: Level;
  /** Share of requests that write a document of the app's own, from 0 to 1. @default 0 */
  readonly documents?: number;
  /** Share of requests whose event MongoDB's validator refuses, from 0 to 1. @default 0 */
  readonly poison?: number;
}

/** What was asked for, and how far each answer came: what the trail is judged by. */
export class Ledger {
  readonly sent = new Map<string, Sent>();
  private readonly run = randomBytes(4).toString('hex');

  constructor(private readonly mix: Mix) {}

  /** The next request: an id of its own, and over time every way to answer. */
  next(answer: Answer = this.answer()): Sent {
    const id = `${this.run}-${this.sent.size + 1}`;
    // unsafe methods are the ones that `strict` is for
    const isPost = isStrict(this.mix.level) || answer === 'echo' || answer === 'document';
    const sent: Sent = {
      id,
      method: isPost ? 'POST' : 'GET',
      path: `/${answer}/${id}?note=${id}`,
      body: isPost ? { id, lines: [{ sku: `s-${id}`, count: this.sent.size }], note: 'x'.repeat(200) } : null,
      progress: 'none',
      status: null,
      isRejected: false,
      isHung: false,
    };
    this.sent.set(id, sent);
    return sent;
  }

  private answer(): Answer {
    const { documents = 0, poison = 0 } = this.mix;
    const luck = Math.random();
    if (luck < documents) return 'document';
    if (luck < documents + poison) return 'poison';
    return ANSWERS[this.sent.size % ANSWERS.length] ?? 'json';
  }

  /** Requests whose event the level has promised. `handled` are those whose handler is known to have run. */
  obligations(handled: ReadonlySet<string>): Sent[] {
    const { level } = this.mix;
    const isOwed = ({ id, progress, isRejected }: Sent): boolean => {
      if (isRejected) return false;
      if (level === 'memory') return progress === 'whole';
      return progress !== 'none' || (isStrict(level) && handled.has(id));
    };
    return [...this.sent.values()].filter(isOwed);
  }

  count(of: (sent: Sent) => boolean): number {
    let count = 0;
    for (const sent of this.sent.values()) if (of(sent)) count += 1;
    return count;
  }
}
