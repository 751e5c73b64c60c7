import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import type { Request, Response } from 'express';
import type { Outcome } from '../event';

/** How a response ended. */
export interface Completion {
  /** As it was sent: what a handler sets when the headers are gone counts for nothing. */
  readonly statusCode: number | null;
  readonly durationMs: number;
  readonly responseBytes: number | null;
  readonly outcome: Outcome;
}

type OnEnd = (completion: Completion) => void;

/** Responses that share a socket at the same time were pipelined: their bytes cannot be told apart. */
interface SocketUse {
  readonly open: Set<WatchedResponse>;
  overlaps: number;
  isWatched: boolean;
}

const SWITCHING_PROTOCOLS = 101;

/** Node refuses to send any other, and the app's error handler then answers. */
function isSendable(statusCode: number): boolean {
  return Number.isInteger(statusCode) && statusCode >= 100 && statusCode <= 999;
}

class WatchedResponse {
  private readonly startedAt = performance.now();
  private readonly socket: Socket;
  private readonly bytesBefore: number;
  /** Null where the response had to share its socket from the start. */
  private readonly overlapsBefore: number | null;
  /** Null when the client was gone before the headers; undefined until they leave. */
  private status: number | null | undefined;

  constructor(
    req: Request,
    private readonly res: Response,
    private readonly use: SocketUse,
    private readonly onEnd: OnEnd,
  ) {
    this.socket = req.socket;
    this.bytesBefore = this.socket.bytesWritten;
    if (use.open.size > 0) use.overlaps += 1;
    // without a socket it waits behind a response that this watcher may not have seen
    const isShared = use.open.size > 0 || res.socket === null;
    this.overlapsBefore = isShared ? null : use.overlaps;
    use.open.add(this);
  }

  headersLeave(): void {
    if (this.socket.destroyed) this.status = null;
    else if (isSendable(this.res.statusCode)) this.status = this.res.statusCode;
  }

  /** The head of a pipelined response may wait in memory for a turn that never comes. */
  private statusCode(): number | null {
    const { res, status } = this;
    const isUnsent = res.socket === null && !res.writableFinished;
    return res.headersSent && !isUnsent ? (status === undefined ? res.statusCode : status) : null;
  }

  end(isWhole: boolean): void {
    if (!this.use.open.delete(this)) return;
    const statusCode = this.statusCode();
    const sentBytes = this.socket.bytesWritten - this.bytesBefore;
    // sockets that are none, as adapters for functions in a cloud make them, count no bytes
    const isExact = this.use.overlaps === this.overlapsBefore && Number.isFinite(sentBytes);
    let outcome: Outcome = isWhole && statusCode !== null ? 'completed' : 'aborted';
    if (statusCode === SWITCHING_PROTOCOLS) outcome = 'upgraded';
    this.onEnd({
      statusCode,
      durationMs: Math.round((performance.now() - this.startedAt) * 1000) / 1000,
      responseBytes: isExact ? sentBytes : null,
      outcome,
    });
  }
}

/** Watches responses to their end, whichever of finish and close comes first, each exactly once. */
export class ResponseWatcher {
  private readonly sockets = new WeakMap<Socket, SocketUse>();

  /** `headersLeave` is to be called when they do. */
  watch(req: Request, res: Response, onEnd: OnEnd): { headersLeave(): void } {
    const { socket } = req;
    const use = this.use(socket);
    const watched = new WatchedResponse(req, res, use, onEnd);
    const close = (): void => watched.end(res.writableFinished);
    // in front of Node's own listener, which hands the socket to the next pipelined response
    res.prependListener('finish', () => watched.end(!socket.destroyed));
    res.on('close', close);
    if (res.socket === null) this.watchSocket(socket, use);
    // the client left, or the answer was over, while something in front of the audit waited
    if (res.closed) process.nextTick(close);
    return watched;
  }

  /** A pipelined response whose turn never came is told nothing when the client leaves. */
  private watchSocket(socket: Socket, use: SocketUse): void {
    if (use.isWatched) return;
    use.isWatched = true;
    socket.once('close', () => {
      for (const watched of use.open) watched.end(false);
    });
  }

  private use(socket: Socket): SocketUse {
    const known = this.sockets.get(socket);
    if (known !== undefined) return known;
    const use = { open: new Set<WatchedResponse>(), overlaps: 0, isWatched: false };
    this.sockets.set(socket, use);
    return use;
  }
}
