import type { Capture } from '../options';

/** The top-level name of a parameter: `user` for `user[name]`. */
function topLevel(name: string): string {
  return name.split('[', 1)[0] ?? name;
}

function hasMembers(section: unknown): section is object {
  return (
    typeof section === 'object' && section !== null && !Array.isArray(section) && !ArrayBuffer.isView(section)
  );
}

/** The allowed members of a section; undefined where it is off, or where a list has no members to choose from. */
export function allowed(capture: Capture, section: unknown): unknown {
  if (typeof capture === 'boolean') return capture ? section : undefined;
  if (!hasMembers(section)) return undefined;
  return Object.fromEntries(Object.entries(section).filter(([key]) => capture.includes(topLevel(key))));
}

/** The names of headers have no case. */
export function allowedHeaders(capture: Capture, headers: object): unknown {
  const names = typeof capture === 'boolean' ? capture : capture.map((name) => name.toLowerCase());
  return allowed(names, headers);
}

/** The request target with the allowed query parameters only. */
export function allowedTarget(capture: Capture, target: string): string {
  const mark = target.indexOf('?');
  if (capture === true || mark === -1) return target;
  const path = target.slice(0, mark);
  if (capture === false) return path;
  const kept = target
    .slice(mark + 1)
    .split('&')
    .filter((pair) => {
      const [name] = new URLSearchParams(pair).keys();
      return name !== undefined && capture.includes(topLevel(name));
    });
  return kept.length === 0 ? path : `${path}?${kept.join('&')}`;
}
