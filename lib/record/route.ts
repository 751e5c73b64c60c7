import type { Request } from 'express';
import type { ObjectRef } from '../event';
import { ABSOLUTE_FORM } from '../origin';

/** The route that answered, and what of its parameters matters to an audit. */
export interface MatchedRoute {
  /** Where the router that answered is mounted, like `/users/:userId`: what the client sent may stand in it. */
  readonly mount: string;
  /** The app's own pattern below it, like `/orders/:id`; null when no route matched. */
  readonly pattern: string | null;
  readonly object: ObjectRef | null;
  /** Parameters by name, as Express decoded them; a wildcard's segments are joined. */
  readonly params: Readonly<Record<string, string>>;
}

const SIMPLE_PATTERN = /^(?:\/(?::\w+|[^/:*?+(){}[\]\\"!|]*))*$/;
const PARAMETER = /^:(\w+)$/;
/** Also wildcards of Express 5, like `*path`. */
const PARAMETERS = /[:*](\w+)/g;
const PATTERN_BREAK = /[/{}()]/;
const LONGEST_ROUTE = 512;

function segmentsOf(path: string): string[] {
  return path.split('/').filter((segment) => segment !== '');
}

function pathOf(target: string): string {
  const path = target.startsWith('/') ? target : target.replace(ABSOLUTE_FORM, '');
  return path.split(/[?#]/, 1)[0] ?? '';
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

export function namesIn(pattern: string): string[] {
  return Array.from(pattern.matchAll(PARAMETERS), ([, name = '']) => name);
}

/** Whether a simple pattern matches the end of a path. */
function fits(pattern: readonly string[], path: readonly string[]): boolean {
  const start = path.length - pattern.length;
  if (start < 0) return false;
  return pattern.every(
    (part, i) => PARAMETER.test(part) || part.toLowerCase() === decode(path[start + i] ?? '').toLowerCase(),
  );
}

/** A copy is asked: with the flags g and y, asking would change the app's own expression. */
function matches(pattern: RegExp, path: string): boolean {
  return new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, '')).test(path);
}

/** The one of several patterns that Express took: the first that matches what the mount left of the path. */
function chosenOf(patterns: readonly unknown[], baseUrl: string, path: string): unknown {
  const segments = segmentsOf(path);
  const rest = path.slice(baseUrl.length);
  const isSimple = (one: unknown): one is string => typeof one === 'string' && SIMPLE_PATTERN.test(one);
  const matched = patterns.find((one) => {
    if (one instanceof RegExp) return matches(one, rest === '' ? '/' : rest);
    return (
      isSimple(one) && segmentsOf(one).length === segmentsOf(rest).length && fits(segmentsOf(one), segments)
    );
  });
  // no mount is known any more once an error handler of the app runs
  const fitting = patterns.filter((one) => isSimple(one) && fits(segmentsOf(one), segments)) as string[];
  const longest = fitting.sort((a, b) => segmentsOf(b).length - segmentsOf(a).length)[0];
  return matched ?? longest ?? patterns.find((one) => !isSimple(one)) ?? patterns[0];
}

function patternOf(req: Request, path: string): string | null {
  const pattern = (req.route as { path?: unknown } | undefined)?.path;
  const chosen = Array.isArray(pattern) ? chosenOf(pattern.flat(), req.baseUrl ?? '', path) : pattern;
  if (chosen instanceof RegExp) return chosen.source;
  return typeof chosen === 'string' ? chosen : null;
}

/**
 * Parameters of a mount path are named where `mergeParams` shows them to the route. Express does not tell where
 * in the path they stand: of several places that hold the value, one behind a static segment is taken.
 */
function nameMount(
  mount: readonly string[],
  pattern: string,
  params: Readonly<Record<string, string>>,
): readonly string[] {
  if (mount.length === 0) return mount;
  const own = new Set(namesIn(pattern));
  const named = [...mount];
  let last = -1;
  for (const [name, value] of Object.entries(params)) {
    // numbers are the groups of the route's own expression
    if (own.has(name) || /^\d/.test(name)) continue;
    const places = [...mount.keys()].filter((i) => i > last && decode(mount[i] ?? '') === value);
    const place = places.find((i) => i >= last + 2) ?? places[0];
    if (place === undefined) continue;
    named[place] = `:${name}`;
    last = place;
  }
  return named;
}

/** Express leaves `baseUrl` behind once an error handler of the app runs; the length of the path tells it again. */
function mountOf(req: Request, own: readonly string[] | null, path: readonly string[]): string[] {
  const base = segmentsOf(req.baseUrl ?? '');
  if (own === null) return base;
  const isComplete = base.length + own.length === path.length;
  return isComplete || !fits(own, path) ? base : path.slice(0, path.length - own.length);
}

/** The last parameter and the static segment before it: `/users/:userId/orders/:id` is about an order. */
function objectOf(route: readonly string[], params: Readonly<Record<string, string>>): ObjectRef | null {
  for (let i = route.length - 1; i > 0; i--) {
    const name = PARAMETER.exec(route[i] ?? '')?.[1];
    const type = route[i - 1];
    if (name === undefined || type === undefined || PARAMETER.test(type)) continue;
    const id = params[name];
    if (id !== undefined) return { type, id };
  }
  return null;
}

function stringParams({ params }: Request): Record<string, string> {
  const strings: Record<string, string> = {};
  for (const name in params) {
    const value: unknown = params[name];
    if (typeof value === 'string') strings[name] = value;
    // a wildcard of Express 5
    else if (Array.isArray(value)) strings[name] = value.join('/');
  }
  return strings;
}

/** Express empties `params` before an error handler runs; the path still holds them. */
function addMissing(params: Record<string, string>, own: readonly string[], path: readonly string[]): void {
  const names = own.map((part) => PARAMETER.exec(part)?.[1]);
  if (names.every((name) => name === undefined || Object.hasOwn(params, name))) return;
  if (!fits(own, path)) return;
  names.forEach((name, i) => {
    if (name !== undefined) params[name] ??= decode(path[path.length - own.length + i] ?? '');
  });
}

/**
 * The same where the pattern is not simple: each parameter may be all that the pattern does not say. That is
 * enough to hide one, and too little for an object's id.
 */
function guessMissing(
  params: Readonly<Record<string, string>>,
  pattern: string,
  path: readonly string[],
): Readonly<Record<string, string>> {
  // the source of an expression names nothing
  const missing = pattern.startsWith('/') ? namesIn(pattern).filter((name) => !(name in params)) : [];
  if (missing.length === 0) return params;
  const words = new Set(pattern.toLowerCase().split(PATTERN_BREAK));
  const rest = path.map(decode).filter((segment) => !words.has(segment.toLowerCase()));
  return { ...Object.fromEntries(missing.map((name) => [name, rest.join('/')])), ...params };
}

export function readRoute(req: Request, target: string): MatchedRoute {
  const pathname = pathOf(target);
  const params = stringParams(req);
  const pattern = patternOf(req, pathname);
  if (pattern === null) return { mount: '', pattern, object: null, params };
  const path = segmentsOf(pathname);
  const own = SIMPLE_PATTERN.test(pattern) ? segmentsOf(pattern) : null;
  if (own !== null) addMissing(params, own, path);
  const mount = nameMount(mountOf(req, own, path), pattern, params);
  const object = objectOf([...mount, ...(own ?? segmentsOf(pattern))], params);
  const shown = own === null ? guessMissing(params, pattern, path.slice(mount.length)) : params;
  return { mount: mount.map((segment) => `/${segment}`).join(''), pattern, object, params: shown };
}

/** Mount path and pattern, like `/users/:userId/orders/:id`. */
export function routeOf(mount: string, pattern: string): string {
  if (mount === '') return pattern.slice(0, LONGEST_ROUTE);
  if (pattern === '/') return mount.slice(0, LONGEST_ROUTE);
  return `${mount}${pattern.startsWith('/') ? '' : '/'}${pattern}`.slice(0, LONGEST_ROUTE);
}
