import type { Request } from 'express';
import type { PostDataState } from '../event';

/** What a body became; `value` counts only when the state is `captured`. */
export interface BodySnapshot<T> {
  readonly state: PostDataState;
  readonly value: T | null;
}

/** Undefined where nothing of the body is to be recorded. */
type Copy<T> = (body: unknown) => T | undefined;

export interface BodyWatch<T> {
  /** Whether anything began to read the bytes. */
  readonly isRead: boolean;
  /** The snapshot as soon as there is one to take; what no parser has read by then is `unread`. */
  read(): BodySnapshot<T>;
  /** What is known by now; a parser may still come. */
  peek(): BodySnapshot<T>;
}

/** RFC 9112, 6.3: a request has a body when it says so by one of these headers. */
function hasBody(req: Request): boolean {
  const length = req.headers['content-length'];
  return req.headers['transfer-encoding'] !== undefined || (length !== undefined && Number(length) !== 0);
}

/** What parsers assign before they have read anything. Bytes and lists are not asked for their keys: these may be many. */
function isPlaceholder(value: unknown): boolean {
  if (value === undefined) return true;
  if (typeof value !== 'object' || value === null || Array.isArray(value) || ArrayBuffer.isView(value))
    return false;
  return Object.keys(value).length === 0;
}

/** Takes a copy of the body as it was sent, not as a handler left it. */
export function watchBody<T>(req: Request, copy: Copy<T>): BodyWatch<T> {
  if (!hasBody(req)) return settled<T>(false, { state: 'absent', value: null });
  const current: unknown = req.body;
  // body-parser 1.x leaves {} where it did not parse
  if (isPlaceholder(current) && !req.readableEnded) return new AssignmentWatch(req, copy);
  return settled(true, take(current, copy));
}

/** Of a body that is known from the start. */
export function settled<T>(isRead: boolean, snapshot: BodySnapshot<T>): BodyWatch<T> {
  return { isRead, read: () => snapshot, peek: () => snapshot };
}

function take<T>(body: unknown, copy: Copy<T>): BodySnapshot<T> {
  if (body === undefined) return { state: 'unread', value: null };
  const value = copy(body);
  return value === undefined ? { state: 'off', value: null } : { state: 'captured', value };
}

/**
 * Makes `body` an accessor from when the request's bytes begin to be read until a parser has assigned it: the copy
 * is taken there, between the parser and the next handler. Before and after, the property is as without audit:
 * some programs read the stream themselves only where `'body' in req` is false.
 */
class AssignmentWatch<T> implements BodyWatch<T> {
  private before: PropertyDescriptor | undefined;
  private readonly initial: unknown;
  private readonly get = (): unknown => this.held;
  private held: unknown;
  private snapshot: BodySnapshot<T> | undefined;
  isRead = false;
  private awaitsEnd = false;

  constructor(
    private readonly req: Request,
    private readonly copy: Copy<T>,
  ) {
    this.initial = req.body;
    const isBeingRead = req.listenerCount('data') + req.listenerCount('readable') > 0;
    if (isBeingRead) this.install();
    else req.on('newListener', this.onListener);
  }

  private readonly onListener = (event: string | symbol): void => {
    if (event !== 'data' && event !== 'readable') return;
    this.req.off('newListener', this.onListener);
    if (this.snapshot === undefined) this.install();
  };

  private install(): void {
    const { req } = this;
    const watch = this;
    this.isRead = true;
    this.before = Object.getOwnPropertyDescriptor(req, 'body');
    this.held = req.body;
    if (this.held !== undefined) this.awaitEnd();
    Object.defineProperty(req, 'body', {
      configurable: true,
      enumerable: this.before?.enumerable ?? false,
      get: this.get,
      set(value: unknown) {
        // an object made from the request has a body of its own
        if (this === req) watch.assign(value);
        else
          Object.defineProperty(this, 'body', {
            value,
            writable: true,
            enumerable: true,
            configurable: true,
          });
      },
    });
  }

  private assign(value: unknown): void {
    this.held = value;
    if (isPlaceholder(value) && !this.req.readableEnded) {
      this.awaitEnd();
      return;
    }
    this.snapshot ??= take(value, this.copy);
    this.restore();
  }

  /** A parser of forms fills the object that it assigned: it has done so when the whole body has arrived. */
  private awaitEnd(): void {
    if (this.awaitsEnd) return;
    this.awaitsEnd = true;
    this.req.once('end', () => {
      if (this.snapshot === undefined && !isPlaceholder(this.held))
        this.snapshot = take(this.held, this.copy);
    });
  }

  private isInPlace(): boolean {
    return Object.getOwnPropertyDescriptor(this.req, 'body')?.get === this.get;
  }

  private restore(): void {
    if (!this.isInPlace()) return;
    if (this.before === undefined) Reflect.deleteProperty(this.req, 'body');
    else Object.defineProperty(this.req, 'body', this.before);
    if (this.held !== this.before?.value) this.req.body = this.held;
  }

  peek(): BodySnapshot<T> {
    return this.snapshot ?? { state: 'unread', value: null };
  }

  read(): BodySnapshot<T> {
    this.snapshot ??= this.late(this.isInPlace() ? this.held : this.req.body);
    this.restore();
    return this.snapshot;
  }

  /**
   * What nobody read was parsed by nobody, whatever a handler wrote into the empty object of body-parser 1.x; and
   * an empty object that nobody filled says that no parser wanted this body.
   */
  private late(body: unknown): BodySnapshot<T> {
    if (!this.isRead) return { state: 'unread', value: null };
    const isUnread = isPlaceholder(body) && (body === this.initial || !isFilledByParser(this.req));
    return isUnread ? { state: 'unread', value: null } : take(body, this.copy);
  }
}

/** An upload's form without fields was read, and is empty. */
function isFilledByParser(req: Request): boolean {
  const { file, files } = req as { file?: unknown; files?: unknown };
  return req.readableEnded && (file !== undefined || files !== undefined);
}
