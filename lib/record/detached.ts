/** A slice of fewer characters is always a string of its own. */
const SHORTEST_SLICE = 13;

/**
 * The same text as a string of its own: a slice keeps the whole text in memory that it was cut from, and that may
 * be megabytes of a form. Texts are well-formed where they are stored, so this loses nothing.
 */
export function detached(text: string): string {
  return text.length < SHORTEST_SLICE ? text : Buffer.from(text).toString();
}
