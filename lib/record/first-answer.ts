import type { Duplex } from 'node:stream';
import { putInFront } from './own-method';

/** How a socket was answered that no response object of Node's writes to. */
export interface FirstAnswer {
  /** Null when the socket was closed, or given up, before, or when what was written is no HTTP. */
  readonly statusCode: number | null;
  /** Whether anything was written. */
  readonly isAnswered: boolean;
}

/** What else may be written to the socket meanwhile: answers to earlier requests. */
export interface EarlierAnswers {
  areDue(): boolean;
  /** Whether an answer is the awaited one all the same. */
  isOwn(statusCode: number | null): boolean;
}

type Method = (...args: unknown[]) => unknown;

const STATUS_LINE = /^HTTP\/1\.[01] (\d{3})/;
const STATUS_LINE_CHARS = 'HTTP/1.1 101'.length;
const SWITCHING_PROTOCOLS = 101;

/** The first characters of a chunk, one a byte. */
function headOf(chunk: unknown, encoding: unknown): string {
  if (typeof chunk === 'string') {
    const known = typeof encoding === 'string' && Buffer.isEncoding(encoding) ? encoding : 'utf8';
    // 16 characters of any encoding are four bytes or more, and a whole number of them
    return Buffer.from(chunk.slice(0, STATUS_LINE_CHARS * 16), known).toString('latin1');
  }
  if (!(chunk instanceof Uint8Array)) return '';
  return Buffer.from(chunk.buffer, chunk.byteOffset, Math.min(chunk.byteLength, STATUS_LINE_CHARS)).toString(
    'latin1',
  );
}

/** Reads the status of the first final answer from what is written to one socket. */
export class FirstAnswerWatch {
  private head = '';
  private isOver = false;
  private readonly undo: readonly (() => void)[];

  /** @param onAnswer called once, from within the write */
  constructor(
    private readonly socket: Duplex,
    private readonly earlier: EarlierAnswers,
    private readonly onAnswer: (answer: FirstAnswer) => void,
  ) {
    const methods = socket as unknown as { write: Method; end: Method };
    this.undo = [
      putInFront(methods, 'write', (original) => this.observing(original)),
      putInFront(methods, 'end', (original) => this.observing(original)),
    ];
    socket.once('close', this.giveUp);
  }

  /** What has not been answered by now has no answer. */
  readonly giveUp = (): void => this.settle({ statusCode: null, isAnswered: false });

  private observing(original: Method): Method {
    const watch = this;
    return function observed(this: unknown, ...args) {
      const isSent = !watch.isOver && !watch.socket.destroyed && !watch.socket.writableEnded;
      const result = Reflect.apply(original, this, args);
      if (isSent) watch.see(args[0], args[1]);
      return result;
    };
  }

  private see(chunk: unknown, encoding: unknown): void {
    const areDue = this.earlier.areDue();
    const head = `${this.head}${headOf(chunk, encoding)}`;
    // a part of an earlier answer is no beginning of this one
    this.head = areDue ? '' : head;
    if (head.length < STATUS_LINE_CHARS) return;
    this.head = '';
    const digits = STATUS_LINE.exec(head)?.[1];
    const statusCode = digits === undefined ? null : Number(digits);
    const isInterim = statusCode !== null && statusCode < 200 && statusCode !== SWITCHING_PROTOCOLS;
    if (isInterim || (areDue && !this.earlier.isOwn(statusCode))) return;
    this.settle({ statusCode, isAnswered: true });
  }

  private settle(answer: FirstAnswer): void {
    if (this.isOver) return;
    this.isOver = true;
    this.socket.off('close', this.giveUp);
    for (const undo of this.undo) undo();
    this.onAnswer(answer);
  }
}
