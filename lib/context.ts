import { AsyncLocalStorage } from 'node:async_hooks';
import type { EventEmitter } from 'node:events';

/**
 * What belongs together across awaits, timers and callbacks: a request and whatever it sets off. One instance an
 * audit, so that two of them never meet.
 */
export class AuditContext<T> {
  private readonly storage = new AsyncLocalStorage<T>();
  private isStarted = false;
  /**
   * Runs what is done for all requests together, in the contexts in which the audit was made: in those of the request
   * that happens to set it off (this one, a tracer's, a logger's) it would pass for that request's work.
   */
  readonly outside: <R>(task: () => R) => R = AsyncLocalStorage.snapshot();

  /** Until this is called requests carry no context: an app that records no changes pays nothing. */
  start(): void {
    this.isStarted = true;
  }

  get isInUse(): boolean {
    return this.isStarted;
  }

  get current(): T | undefined {
    return this.storage.getStore();
  }

  run<R>(value: T, task: () => R): R {
    return this.storage.run(value, task);
  }

  /**
   * Runs what handles a request. The events of its streams come from the socket, outside of what handles it: a parser
   * that is done when they are (multer, busboy, formidable) would go on in no context, or, on a connection that is
   * kept, in another request's; and a response that was pipelined finishes in that of the one before. So they are
   * emitted in this one.
   */
  runRequest(streams: readonly EventEmitter[], value: T, next: () => void): void {
    for (const stream of streams) this.emitIn(stream, value);
    this.storage.run(value, next);
  }

  private emitIn(stream: EventEmitter, value: T): void {
    const { storage } = this;
    const { emit } = stream;
    Object.defineProperty(stream, 'emit', {
      value: function emitInContext(this: EventEmitter, ...event: Parameters<typeof emit>): boolean {
        return storage.run(value, () => Reflect.apply(emit, this, event));
      },
      writable: true,
      configurable: true,
    });
  }
}
