import { AsyncLocalStorage } from 'node:async_hooks';
import type { EventEmitter } from 'node:events';

/**
 * What belongs together across awaits, timers and callbacks: a request and whatever it sets off. One instance an
 * audit, so that two of them never meet.
 */
export class AuditContext<T> {
  private readonly storage = new AsyncLocalStorage<T>();
  private isStarted = false;

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
   * Runs what handles a request. The events of its stream come from the socket, outside of what handles it: a parser
   * that is done when they are (multer, busboy, formidable) would go on in no context, or, on a connection that is
   * kept, in another request's. So they are emitted in this one.
   */
  runRequest(request: EventEmitter, value: T, next: () => void): void {
    const { storage } = this;
    const { emit } = request;
    Object.defineProperty(request, 'emit', {
      value: function emitInContext(this: EventEmitter, ...event: Parameters<typeof emit>): boolean {
        return storage.run(value, () => Reflect.apply(emit, this, event));
      },
      writable: true,
      configurable: true,
    });
    storage.run(value, next);
  }
}
