/**
 * Puts a method of its own in front of the one that an object has, for this object only.
 *
 * @returns takes it back, but for where somebody else has put theirs in front of it since: they call it
 */
export function putInFront<T extends object, K extends keyof T>(
  target: T,
  name: K,
  wrap: (original: T[K]) => T[K],
): () => void {
  const before = Object.getOwnPropertyDescriptor(target, name);
  const own = wrap(target[name]);
  Object.defineProperty(target, name, { value: own, configurable: true, writable: true, enumerable: false });
  return () => {
    if (target[name] !== own) return;
    if (before === undefined) delete target[name];
    else Object.defineProperty(target, name, before);
  };
}
