import { escapeText } from '../escape';

/** What one short field of an event may take of its bytes: there is a fixed room for all of them. */
const MOST_BYTES = 256;
/** A shorter one was not cut, if it is of ASCII. */
export const LONGEST_SHORT_TEXT = MOST_BYTES;

/** A name or an id as it is stored: escaped, and cut between two characters. */
export function shortText(text: string): string {
  // no character is stored in fewer bytes than it has units
  const start = text.slice(0, MOST_BYTES);
  const stored = escapeText(start);
  if (Buffer.byteLength(stored) <= MOST_BYTES) return stored;
  let kept = '';
  let bytes = 0;
  for (const character of start) {
    const one = escapeText(character);
    bytes += Buffer.byteLength(one);
    if (bytes > MOST_BYTES) break;
    kept += one;
  }
  return kept;
}
