import type { Request } from 'express';
import type { PostDataState } from '../event';

/** What a body became; `value` counts only when the state is `captured`. */
export interface BodySnapshot<T> {
  readonly state: PostDataState;
  readonly value: T | null;
}

interface BodyWatch<T> {
  /** The snapshot as soon as there is one to take; what no parser has read by then is `unread`. */
  read(): BodySnapshot<T>;
}

/** RFC 9112, 6.3: a request has a body when it says so by one of these headers. */
function hasBody(req: Request): boolean {
  const length = req.headers['content-length'];
  return req.headers['transfer-encoding'] !== undefined || (length !== undefined && Number(length) !== 0);
}

function isPlaceholder(value: unknown): boolean {
  return (
    value === undefined || (typeof value === 'object' && value !== null && Object.keys(value).length === 0)
  );
}

/**
 * Takes a copy of the body as it was sent, not as a handler left it. When a parser still has to run, `body`
 * becomes an accessor until the parser assigns it: the copy is taken there, between the parser and the next
 * handler, and the property is an ordinary one again.
 */
export function watchBody<T>(req: Request, copy: (body: unknown) => T): BodyWatch<T> {
  if (!hasBody(req)) return { read: () => ({ state: 'absent', value: null }) };
  const current: unknown = req.body;
  // body-parser 1.x leaves {} where it did not parse
  if (!isPlaceholder(current) || req.readableEnded) {
    const snapshot = take(current, copy);
    return { read: () => snapshot };
  }
  return watchAssignment(req, current, copy);
}

function take<T>(body: unknown, copy: (body: unknown) => T): BodySnapshot<T> {
  return body === undefined ? { state: 'unread', value: null } : { state: 'captured', value: copy(body) };
}

function define(req: Request, value: unknown): void {
  Object.defineProperty(req, 'body', { value, writable: true, enumerable: true, configurable: true });
}

function watchAssignment<T>(req: Request, initial: unknown, copy: (body: unknown) => T): BodyWatch<T> {
  let held = initial;
  let snapshot: BodySnapshot<T> | undefined;
  const isEnumerable = Object.hasOwn(req, 'body');

  Object.defineProperty(req, 'body', {
    configurable: true,
    enumerable: isEnumerable,
    get: () => held,
    set(value: unknown) {
      held = value;
      // parsers assign an empty object first and fill or replace it once the whole body has arrived
      if (isPlaceholder(value) && !req.readableEnded) return;
      define(req, value);
      snapshot ??= take(value, copy);
    },
  });

  return {
    read() {
      if (snapshot !== undefined) return snapshot;
      const isUntouched = held === initial;
      if (held !== undefined) define(req, held);
      else if (!isEnumerable) Reflect.deleteProperty(req, 'body');
      // an empty object that nobody filled says that no parser wanted this body
      const isUnread = isPlaceholder(held) && (isUntouched || !isFilledByParser(req));
      snapshot = isUnread ? { state: 'unread', value: null } : take(held, copy);
      return snapshot;
    },
  };
}

/** An upload's form without fields was read, and is empty. */
function isFilledByParser(req: Request): boolean {
  const { file, files } = req as { file?: unknown; files?: unknown };
  return req.readableEnded && (file !== undefined || files !== undefined);
}
