import { Server as HttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Server as HttpsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Request } from 'express';
import { AuditCallError, AuditError } from '../errors';
import type { AuditEvent } from '../event';
import { type EarlierAnswers, FirstAnswerWatch } from './first-answer';
import type { Intake } from './intake';
import { putInFront } from './own-method';
import { OwnRefusals } from './own-refusals';
import { MalformedRecording, UnseenRecording, type UnseenRequestParts } from './unseen-request';

export type AttachableServer = HttpServer | HttpsServer;

export interface AttachParts extends UnseenRequestParts {
  /** What the middleware notes on a request, if it records it. */
  readonly auditOf: (req: Request) => { skip(): unknown } | undefined;
  readonly intake: Intake;
}

const SWITCHING_PROTOCOLS = 101;
/** Others are troubles of the connection, and of TLS: no request was begun. */
const REQUEST_ERROR = /^(?:HPE_|ERR_HTTP_)/;

/**
 * Sees what one server tells its listeners. A listener would change it: Node answers malformed requests itself, and
 * takes upgrades for plain requests, only while nobody listens.
 */
class ServerWatch {
  uses = 0;
  private isStopped = false;
  /** The latest request of a connection; it is gone only when it is over. */
  private readonly latest = new WeakMap<Socket, WeakRef<ServerResponse>>();
  private readonly broken = new WeakSet<Socket>();
  private readonly refusals: OwnRefusals;
  private readonly takeBack: () => void;

  constructor(
    private readonly parts: AttachParts,
    server: HttpServer,
  ) {
    const watch = this;
    this.refusals = new OwnRefusals(server, (req, statusCode) =>
      this.guarded(() => {
        const recording = new UnseenRecording(parts, req, 'refused');
        this.later(() => recording.answered({ statusCode, isAnswered: true }));
      }),
    );
    if (server.listening) this.refusals.watch();
    this.takeBack = putInFront(server, 'emit', (original) => {
      return function emit(this: HttpServer, ...args: unknown[]): boolean {
        if (!watch.isStopped) watch.guarded(() => watch.observe(args));
        return Reflect.apply(original, this, args);
      } as HttpServer['emit'];
    });
  }

  stop(): void {
    this.isStopped = true;
    this.refusals.stop();
    this.takeBack();
  }

  private guarded(task: () => void): void {
    try {
      task();
    } catch (cause) {
      const message =
        'A request that never reached the app could not be recorded; the server went on without.';
      this.parts.reporter.error(new AuditError('AUDIT_CAPTURE_FAILED', message, { cause }));
    }
  }

  private observe([event, first, second]: readonly unknown[]): void {
    switch (event) {
      case 'request':
      case 'checkContinue':
      case 'checkExpectation':
        this.onRequest(first as IncomingMessage, second as ServerResponse);
        break;
      case 'upgrade':
      case 'connect':
        this.onUpgrade(first as IncomingMessage, second as Socket);
        break;
      case 'clientError':
        this.onClientError(first as NodeJS.ErrnoException, second as Socket);
        break;
      case 'listening':
        this.refusals.watch();
        break;
      case 'close':
        this.refusals.stop();
    }
  }

  private onRequest(req: IncomingMessage, res: ServerResponse): void {
    this.refusals.handedOn(req);
    this.latest.set(req.socket, new WeakRef(res));
  }

  /** Whether an earlier request of the connection is still to be answered: what is written may be its answer. */
  private isAnswerDue(socket: Socket): boolean {
    return this.latest.get(socket)?.deref()?.writableFinished === false;
  }

  private onUpgrade(req: IncomingMessage, socket: Socket): void {
    const recording = new UnseenRecording(this.parts, req, 'upgrade');
    const earlier: EarlierAnswers = {
      areDue: () => this.isAnswerDue(socket),
      isOwn: (statusCode) => statusCode === SWITCHING_PROTOCOLS,
    };
    new FirstAnswerWatch(socket, earlier, (answer) =>
      this.later(() => {
        const seen = this.parts.auditOf(req as Request);
        // its listener passed it on to the app: there is one event, of whoever saw how it ended
        if (seen !== undefined && answer.statusCode !== SWITCHING_PROTOCOLS) return null;
        seen?.skip();
        return recording.answered(answer);
      }),
    );
  }

  private onClientError(error: NodeJS.ErrnoException, socket: Socket): void {
    if (typeof error?.code !== 'string' || !REQUEST_ERROR.test(error.code)) return;
    // a connection that never said anything; a parser that is asked again after it has failed
    if (socket.bytesRead === 0 || this.broken.has(socket)) return;
    this.broken.add(socket);
    // the rest of a request that the app has, and answers for
    if (this.latest.get(socket)?.deref()?.req.complete === false) return;
    const recording = new MalformedRecording(this.parts, error, socket);
    const isDue = this.isAnswerDue(socket);
    const earlier: EarlierAnswers = {
      areDue: () => isDue,
      isOwn: (statusCode) => statusCode !== null && statusCode >= 400,
    };
    const watch = new FirstAnswerWatch(socket, earlier, (answer) =>
      this.later(() => recording.answered(answer)),
    );
    // Node and most listeners answer at once; later, another request's answer could be taken for it
    if (isDue) process.nextTick(watch.giveUp);
  }

  /** When whoever wrote has gone on: what it tells the app of the request counts. */
  private later(eventOf: () => AuditEvent | null): void {
    process.nextTick(() =>
      this.guarded(() => {
        const event = eventOf();
        if (event !== null) this.parts.intake.accept(event);
      }),
    );
  }
}

function isServer(value: unknown): value is HttpServer {
  return value instanceof HttpServer || value instanceof HttpsServer;
}

/** `audit.attach`: records what a server never hands to its app. */
export function createAttach(parts: AttachParts): (server: AttachableServer) => () => void {
  const watches = new WeakMap<object, ServerWatch>();
  return function attach(server) {
    if (!isServer(server)) {
      const received = server === null ? 'null' : typeof server;
      const remedy = 'Give it what app.listen() or createServer() of node:http or node:https returns.';
      throw new AuditCallError(`audit.attach: server is no HTTP server, received ${received}. ${remedy}`);
    }
    const watch = watches.get(server) ?? new ServerWatch(parts, server);
    watches.set(server, watch);
    watch.uses += 1;
    let isDetached = false;
    return function detach() {
      if (isDetached) return;
      isDetached = true;
      watch.uses -= 1;
      if (watch.uses > 0) return;
      watches.delete(server);
      watch.stop();
    };
  };
}
