import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { IncomingMessage, ServerResponse } from 'node:http';

const START = 'http.server.request.start';
const FINISH = 'http.server.response.finish';

interface Message {
  readonly server: object;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/**
 * Requests that Node answers without telling the server's listeners: no Host, an expectation that it cannot meet,
 * one too many on a connection. Its diagnostics channels tell of every request; the rest were handed on.
 */
export class OwnRefusals {
  private readonly begun = new WeakSet<IncomingMessage>();
  private isWatching = false;

  /** @param onRefused MUST NOT throw: Node would let it end the process */
  constructor(
    private readonly server: object,
    private readonly onRefused: (request: IncomingMessage, statusCode: number) => void,
  ) {}

  private readonly onStart = (message: unknown): void => {
    const { server, request } = message as Message;
    if (server === this.server) this.begun.add(request);
  };

  private readonly onFinish = (message: unknown): void => {
    const { server, request, response } = message as Message;
    if (server === this.server && this.begun.delete(request)) this.onRefused(request, response.statusCode);
  };

  /** The channels are the process's: what listens there is never collected. */
  watch(): void {
    if (this.isWatching) return;
    this.isWatching = true;
    subscribe(START, this.onStart);
    subscribe(FINISH, this.onFinish);
  }

  stop(): void {
    this.isWatching = false;
    unsubscribe(START, this.onStart);
    unsubscribe(FINISH, this.onFinish);
  }

  /** It was handed to a listener. */
  handedOn(request: IncomingMessage): void {
    this.begun.delete(request);
  }
}
