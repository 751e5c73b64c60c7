/** Headers that say what a program is and takes: the same with every request, and nothing of what its user does. */
const REPEATED: ReadonlySet<string> = new Set([
  'accept',
  'accept-encoding',
  'accept-language',
  'sec-ch-ua',
  'sec-ch-ua-platform',
  'user-agent',
]);
const CACHED_VALUES = 500;
const LONGEST_CACHED_VALUE = 512;

/**
 * Values of such headers that were searched and hold no secret. Clients choose them, so the cache is bounded. Events
 * that wait for MongoDB then share one string, too.
 */
export class RepeatedHeaders {
  private readonly cache = new Map<string, string>();

  known(name: string, value: string): string | undefined {
    return REPEATED.has(name) ? this.cache.get(value) : undefined;
  }

  add(name: string, value: string): void {
    if (!REPEATED.has(name) || value.length > LONGEST_CACHED_VALUE) return;
    if (this.cache.size >= CACHED_VALUES) this.cache.clear();
    this.cache.set(value, value);
  }
}
