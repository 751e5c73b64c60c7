import type { DiffEntry, Json } from './event';
import { Hidden, type Plain } from './plain';

/** A state in two forms: as it is, to be compared, and as it may be seen, to be told. */
export interface Side {
  readonly raw: Plain;
  readonly seen: Json;
}

export interface DiffLimits {
  /** Values that are compared. */
  readonly maxNodes: number;
}

type Path = readonly (string | number)[];
type Members = { readonly [key: string]: Plain };
type SeenMembers = { readonly [key: string]: Json };

/** A path is told with each difference below it; in deep trees those would outgrow the states. */
const PATH_STEPS_PER_NODE = 4;

class TooMany extends Error {}

function isMembers(value: Plain): value is Members {
  if (typeof value !== 'object' || value === null) return false;
  return !Array.isArray(value) && !(value instanceof Hidden) && !Buffer.isBuffer(value);
}

/** Members under the names that are seen; null where they cannot be matched one by one. */
function byName(raw: Plain, seen: Json): Members | null {
  if (!isMembers(raw)) return null;
  if (raw === seen) return raw;
  if (typeof seen !== 'object' || seen === null || Array.isArray(seen)) return null;
  const keys = Object.keys(raw);
  // a copy keeps the order of its members
  const names = Object.keys(seen);
  if (names.length !== keys.length) return null;
  if (keys.every((key, i) => key === names[i])) return raw;
  return Object.fromEntries(names.map((name, i) => [name, raw[keys[i] as string] as Plain]));
}

function isList(raw: Plain, seen: Json): boolean {
  return Array.isArray(raw) && Array.isArray(seen) && raw.length === seen.length;
}

class Comparison {
  readonly entries: DiffEntry[] = [];
  private readonly path: (string | number)[] = [];
  private nodes: number;
  private steps: number;

  constructor({ maxNodes }: DiffLimits) {
    this.nodes = maxNodes;
    this.steps = maxNodes * PATH_STEPS_PER_NODE;
  }

  compare(raw: Plain, seen: Json, otherRaw: Plain, otherSeen: Json): void {
    this.charge();
    if (raw === otherRaw && seen === otherSeen) return;
    if (typeof raw === 'object' && typeof otherRaw === 'object') {
      if (isList(raw, seen) && isList(otherRaw, otherSeen)) {
        this.compareItems(raw as Plain[], seen as Json[], otherRaw as Plain[], otherSeen as Json[]);
        return;
      }
      const members = byName(raw, seen);
      const others = members && byName(otherRaw, otherSeen);
      if (members !== null && others !== null) {
        this.compareMembers(members, seen as SeenMembers, others, otherSeen as SeenMembers);
        return;
      }
      if (this.isEqual(raw, otherRaw) && this.isEqual(seen as Plain, otherSeen as Plain)) return;
    }
    this.entries.push({ kind: 'E', ...this.place(), lhs: seen, rhs: otherSeen });
  }

  private charge(): void {
    this.nodes -= 1;
    if (this.nodes < 0) throw new TooMany();
  }

  private place(): { path?: Path } {
    this.steps -= this.path.length;
    if (this.steps < 0) throw new TooMany();
    return this.path.length === 0 ? {} : { path: this.path.slice() };
  }

  /** Surplus items from the end on, so that each index still holds when the entries are applied in order. */
  private compareItems(raw: Plain[], seen: Json[], otherRaw: Plain[], otherSeen: Json[]): void {
    const common = Math.min(raw.length, otherRaw.length);
    for (let i = otherRaw.length - 1; i >= common; i--)
      this.entries.push({ kind: 'A', ...this.place(), index: i, item: { kind: 'N', rhs: otherSeen[i] } });
    for (let i = raw.length - 1; i >= common; i--)
      this.entries.push({ kind: 'A', ...this.place(), index: i, item: { kind: 'D', lhs: seen[i] } });
    for (let i = common - 1; i >= 0; i--) {
      this.path.push(i);
      this.compare(raw[i] as Plain, seen[i] as Json, otherRaw[i] as Plain, otherSeen[i] as Json);
      this.path.pop();
    }
  }

  private compareMembers(raw: Members, seen: SeenMembers, otherRaw: Members, otherSeen: SeenMembers): void {
    const names = Object.keys(raw);
    let common = 0;
    for (const name of names) {
      const one = raw[name] as Plain;
      const other = otherRaw[name];
      this.path.push(name);
      if (other === undefined || !Object.hasOwn(otherRaw, name)) {
        this.entries.push({ kind: 'D', ...this.place(), lhs: seen[name] });
      } else {
        common += 1;
        if (one === other && seen[name] === otherSeen[name]) this.charge();
        else this.compare(one, seen[name] as Json, other, otherSeen[name] as Json);
      }
      this.path.pop();
    }
    const others = Object.keys(otherRaw);
    if (others.length > common) this.addNew(others, raw, otherSeen);
  }

  private addNew(names: readonly string[], raw: Members, otherSeen: SeenMembers): void {
    for (const name of names) {
      if (Object.hasOwn(raw, name)) continue;
      this.path.push(name);
      this.entries.push({ kind: 'N', ...this.place(), rhs: otherSeen[name] });
      this.path.pop();
    }
  }

  private isEqualBelow(a: Plain, b: Plain): boolean {
    this.charge();
    return this.isEqual(a, b);
  }

  private isEqual(a: Plain, b: Plain): boolean {
    if (a === b) return true;
    if (a instanceof Hidden && b instanceof Hidden) return this.isEqual(a.value, b.value);
    if (Buffer.isBuffer(a) && Buffer.isBuffer(b)) return a.equals(b);
    if (Array.isArray(a) && Array.isArray(b))
      return a.length === b.length && a.every((one: Plain, i) => this.isEqualBelow(one, b[i] as Plain));
    if (!isMembers(a) || !isMembers(b)) return false;
    const keys = Object.keys(a);
    return (
      keys.length === Object.keys(b).length &&
      keys.every((key) => Object.hasOwn(b, key) && this.isEqualBelow(a[key] as Plain, b[key] as Plain))
    );
  }
}

/**
 * What changed, in the kinds of deep-diff: N(ew), D(eleted), E(dited), A(rray). Null is no state at all: what begins
 * to be is one N, and what ends to be one D. Beyond the limits one E tells both states whole.
 *
 * What is hidden counts as changed where it changed, and what is shown where it is shown otherwise: a value may be a
 * secret for the name beside it. The entries hold only what may be seen, and lead from what is seen to what is seen.
 */
export function diffStates(lhs: Side | null, rhs: Side | null, limits: DiffLimits): readonly DiffEntry[] {
  if (lhs === null) return rhs === null ? [] : [{ kind: 'N', rhs: rhs.seen }];
  if (rhs === null) return [{ kind: 'D', lhs: lhs.seen }];
  const comparison = new Comparison(limits);
  try {
    comparison.compare(lhs.raw, lhs.seen, rhs.raw, rhs.seen);
    return comparison.entries;
  } catch (error) {
    if (!(error instanceof TooMany)) throw error;
    return [{ kind: 'E', lhs: lhs.seen, rhs: rhs.seen }];
  }
}
