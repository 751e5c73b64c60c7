import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import type { Request, Response } from 'express';
import type { Outcome } from '../event';

/** How a response ended. */
export interface Completion {
  readonly statusCode: number | null;
  readonly durationMs: number;
  readonly responseBytes: number | null;
  readonly outcome: Outcome;
}

/** Responses that share a socket at the same time were pipelined: their bytes cannot be told apart. */
interface SocketUse {
  open: number;
  overlaps: number;
}

/** Watches responses to their end, whichever of finish and close comes first, each exactly once. */
export class ResponseWatcher {
  private readonly sockets = new WeakMap<Socket, SocketUse>();

  watch(req: Request, res: Response, onEnd: (completion: Completion) => void): void {
    const { socket } = req;
    const startedAt = performance.now();
    const bytesBefore = socket.bytesWritten;
    const use = this.use(socket);
    if (use.open > 0) use.overlaps += 1;
    const overlapsBefore = use.open > 0 ? -1 : use.overlaps;
    use.open += 1;
    let isOver = false;

    const end = (outcome: Outcome): void => {
      if (isOver) return;
      isOver = true;
      use.open -= 1;
      const isUpgrade = res.statusCode === 101;
      onEnd({
        statusCode: res.headersSent ? res.statusCode : null,
        durationMs: Math.round((performance.now() - startedAt) * 1000) / 1000,
        responseBytes: use.overlaps === overlapsBefore ? socket.bytesWritten - bytesBefore : null,
        outcome: isUpgrade && res.headersSent ? 'upgraded' : outcome,
      });
    };
    res.once('finish', () => end('completed'));
    res.once('close', () => end(res.writableFinished ? 'completed' : 'aborted'));
  }

  private use(socket: Socket): SocketUse {
    const known = this.sockets.get(socket);
    if (known !== undefined) return known;
    const use = { open: 0, overlaps: 0 };
    this.sockets.set(socket, use);
    return use;
  }
}
