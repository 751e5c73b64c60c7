import type { Request } from 'express';
import type { ObjectRef } from '../event';

/** The route that answered, and what of its parameters matters to an audit. */
export interface MatchedRoute {
  /** Mount path and pattern, like `/users/:userId/orders/:id`; null when no route matched. */
  readonly route: string | null;
  readonly object: ObjectRef | null;
  /** Parameters by name, as Express decoded them. */
  readonly params: Readonly<Record<string, string>>;
}

const SIMPLE_PATTERN = /^(?:\/(?::\w+|[^/:*?+(){}[\]\\"!|]*))*$/;
const PARAMETER = /^:(\w+)$/;
const LONGEST_ROUTE = 512;

function segmentsOf(path: string): string[] {
  return path.split('/').filter((segment) => segment !== '');
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

function fits(pattern: readonly string[], path: readonly string[]): boolean {
  const tail = path.slice(path.length - pattern.length);
  return pattern.every(
    (part, i) => PARAMETER.test(part) || part.toLowerCase() === decode(tail[i] ?? '').toLowerCase(),
  );
}

function patternOf(pattern: unknown, path: readonly string[]): string | null {
  if (typeof pattern === 'string') return pattern;
  if (pattern instanceof RegExp) return pattern.source;
  if (!Array.isArray(pattern)) return null;
  const match = pattern.find(
    (one) => typeof one === 'string' && SIMPLE_PATTERN.test(one) && fits(segmentsOf(one), path),
  );
  return patternOf(match ?? pattern[0], path);
}

/** Parameters of a mount path are named where `mergeParams` shows them to the route. */
function nameMount(
  mount: readonly string[],
  pattern: string,
  params: Readonly<Record<string, string>>,
): string[] {
  const outer = Object.entries(params).filter(([name]) => !pattern.includes(`:${name}`));
  return mount.map((segment) => {
    const index = outer.findIndex(([, value]) => value === decode(segment));
    if (index === -1) return segment;
    const [[name] = ['']] = outer.splice(index, 1);
    return `:${name}`;
  });
}

/** Express leaves `baseUrl` behind once an error handler of the app runs; the length of the path tells it again. */
function mountOf(req: Request, pattern: string, path: readonly string[]): string[] {
  const base = segmentsOf(req.baseUrl ?? '');
  if (!SIMPLE_PATTERN.test(pattern)) return base;
  const own = segmentsOf(pattern);
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

function stringParams(req: Request): Record<string, string> {
  const params: Record<string, string> = {};
  for (const [name, value] of Object.entries(req.params ?? {})) {
    if (typeof value === 'string') params[name] = value;
  }
  return params;
}

/** Express empties `params` before an error handler runs; the path still holds them. */
function paramsOf(req: Request, pattern: string, path: readonly string[]): Record<string, string> {
  const params = stringParams(req);
  if (!SIMPLE_PATTERN.test(pattern)) return params;
  const own = segmentsOf(pattern);
  if (own.length > path.length || !fits(own, path)) return params;
  own.forEach((part, i) => {
    const name = PARAMETER.exec(part)?.[1];
    if (name !== undefined) params[name] ??= decode(path[path.length - own.length + i] ?? '');
  });
  return params;
}

export function readRoute(req: Request, target: string): MatchedRoute {
  const path = segmentsOf(target.split('?', 1)[0] ?? '');
  const pattern = patternOf((req.route as { path?: unknown } | undefined)?.path, path);
  if (pattern === null) return { route: null, object: null, params: stringParams(req) };
  const params = paramsOf(req, pattern, path);
  const mount = nameMount(mountOf(req, pattern, path), pattern, params);
  const prefix = mount.map((segment) => `/${segment}`).join('');
  const isRoot = pattern === '/' && prefix !== '';
  const route = isRoot
    ? prefix
    : prefix + (pattern.startsWith('/') || prefix === '' ? pattern : `/${pattern}`);
  return { route: route.slice(0, LONGEST_ROUTE), object: objectOf(segmentsOf(route), params), params };
}
