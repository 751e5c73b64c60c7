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

/** Looked up once: every member is asked for. */
const { hasOwn } = Object;

function isMembers(value: Plain): value is Members {
  if (typeof value !== 'object' || value === null) return false;
  return !Array.isArray(value) && !(value instanceof Hidden) && !Buffer.isBuffer(value);
}

/** Members under the names that are seen. */
interface Named {
  readonly names: readonly string[];
  readonly raw: Members;
  readonly seen: SeenMembers;
}

/** Null where they cannot be matched one by one. The names of a wide object are dear, so they are asked for once. */
function named(raw: Plain, seen: Json): Named | null {
  if (!isMembers(raw) || typeof seen !== 'object' || seen === null || Array.isArray(seen)) return null;
  const keys = Object.keys(raw);
  if (keys.every((key) => hasOwn(seen, key))) return { names: keys, raw, seen: seen as SeenMembers };
  // a copy keeps the order of its members
  const names = Object.keys(seen);
  if (names.length !== keys.length) return null;
  const renamed = Object.fromEntries(names.map((name, i) => [name, raw[keys[i] as string] as Plain]));
  return { names, raw: renamed, seen: seen as SeenMembers };
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
      const members = named(raw, seen);
      const others = members && named(otherRaw, otherSeen);
      if (members !== null && others !== null) {
        this.compareMembers(members, others);
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

  private compareMembers({ names, raw, seen }: Named, other: Named): void {
    let common = 0;
    for (let i = 0; i < names.length; i++) {
      const name = names[i] as string;
      this.path.push(name);
      // most often there are the same members in the same order
      if (other.names[i] === name || hasOwn(other.raw, name)) {
        common += 1;
        this.compare(
          raw[name] as Plain,
          seen[name] as Json,
          other.raw[name] as Plain,
          other.seen[name] as Json,
        );
      } else {
        this.entries.push({ kind: 'D', ...this.place(), lhs: seen[name] });
      }
      this.path.pop();
    }
    if (other.names.length > common) this.addNew(other, raw);
  }

  private addNew({ names, seen }: Named, known: Members): void {
    for (const name of names) {
      if (hasOwn(known, name)) continue;
      this.path.push(name);
      this.entries.push({ kind: 'N', ...this.place(), rhs: seen[name] });
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
      keys.every((key) => hasOwn(b, key) && this.isEqualBelow(a[key] as Plain, b[key] as Plain))
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
