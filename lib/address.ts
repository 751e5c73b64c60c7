import { isIP, isIPv4 } from 'node:net';

const LONGEST_ADDRESS = 128;
const MAPPED = '::ffff:';

/** The eight groups of an IPv6 address that `isIP` has accepted. */
function groupsOf(address: string): number[] {
  const lastColon = address.lastIndexOf(':');
  const tail = address.slice(lastColon + 1);
  let text = address;
  if (tail.includes('.')) {
    const [a = 0, b = 0, c = 0, d = 0] = tail.split('.').map(Number);
    text = `${address.slice(0, lastColon + 1)}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  }
  const [head = '', rest] = text.split('::');
  const parse = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16));
  const left = parse(head);
  if (rest === undefined) return left;
  const right = parse(rest);
  return [...left, ...new Array<number>(8 - left.length - right.length).fill(0), ...right];
}

/** Where the longest run of two or more zero groups starts and how long it is (RFC 5952, 4.2). */
function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: -1, length: 1 };
  let start = -1;
  groups.forEach((group, index) => {
    if (group !== 0) start = -1;
    else if (start === -1) start = index;
    if (start !== -1 && index - start + 1 > best.length) best = { start, length: index - start + 1 };
  });
  return best;
}

function canonicalIPv6(address: string): string {
  const groups = groupsOf(address);
  const isMapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
  if (isMapped) {
    const [high = 0, low = 0] = groups.slice(6);
    return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
  }
  const hex = groups.map((group) => group.toString(16));
  const run = longestZeroRun(groups);
  if (run.start === -1) return hex.join(':');
  return `${hex.slice(0, run.start).join(':')}::${hex.slice(run.start + run.length).join(':')}`;
}

/**
 * The one spelling under which an address is stored and searched: RFC 5952, IPv4-mapped as IPv4, the zone kept.
 * Null when the text is no IP address.
 */
export function canonicalAddress(text: string | null | undefined): string | null {
  if (text === null || text === undefined || text.length > LONGEST_ADDRESS) return null;
  if (isIPv4(text)) return text;
  // what a server that listens on all addresses sees of most clients
  if (text.startsWith(MAPPED) && isIPv4(text.slice(MAPPED.length))) return text.slice(MAPPED.length);
  if (isIP(text) !== 6) return null;
  const percent = text.indexOf('%');
  if (percent === -1) return canonicalIPv6(text);
  const canonical = canonicalIPv6(text.slice(0, percent));
  // IPv4 has no zones
  return isIPv4(canonical) ? canonical : canonical + text.slice(percent);
}
