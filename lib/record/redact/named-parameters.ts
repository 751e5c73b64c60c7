import { isName, isNameKey, isPairName, isValueKey } from './keys';

/** In the flat name of a parameter: `fields[0].name`, and what stands before the query in a fragment. */
const KEY_BREAK = /[[\].]+/;
const INDEX = /^\d+$/;

/** What stands beside each other under one part of a name; at the end of a name, the values that it has. */
interface Group {
  members: Map<string, Group> | null;
  /** The name of a secret stands in it. */
  isNamed: boolean;
  items: number;
  /** The first value may be the name in a pair. */
  isFirstName: boolean;
  /** Where the second value stands. */
  second: number;
}

function createGroup(): Group {
  return { members: null, isNamed: false, items: 0, isFirstName: false, second: -1 };
}

function keysOf(name: string): string[] {
  const flat = name.slice(name.lastIndexOf('?') + 1);
  return flat.split(KEY_BREAK).filter((key) => key !== '');
}

/** Whether a key of a list stands for the value in a pair, which has no other items. */
function isPairValue({ members }: Group, key: string): boolean {
  if (members?.size !== 2 || key === '0' || !INDEX.test(key)) return false;
  return members.get('0')?.isFirstName === true;
}

/**
 * The same as for objects and pairs, where the members stand in parameters of their own: `a[0][name]=password` and
 * `a[0][value]=x`. Both steps take time in proportion to the length of the name.
 */
export class NamedParameters {
  private readonly root = createGroup();
  /** Whether it knows the name of any secret. */
  isNaming = false;

  constructor(private readonly isSecretName: (name: string) => boolean) {}

  /** @param at tells the parameters of one name apart */
  add(name: string, value: string, at: number): void {
    const keys = keysOf(name);
    const isSecret = isName(value) && this.isSecretName(value);
    const own = this.groupOf(keys);
    own.items += 1;
    if (own.items === 1) own.isFirstName = isSecret && isPairName(value);
    if (own.items === 2) own.second = at;
    if (isSecret) this.addName(keys);
  }

  private addName(keys: readonly string[]): void {
    this.isNaming = true;
    // an item of a list of names is a name like any
    const last = keys.findLastIndex((key) => !INDEX.test(key));
    if (isNameKey(keys[last] ?? '')) this.groupOf(keys.slice(0, last)).isNamed = true;
  }

  private groupOf(keys: readonly string[]): Group {
    let group = this.root;
    for (const key of keys) {
      group.members ??= new Map();
      const member = group.members.get(key) ?? createGroup();
      group.members.set(key, member);
      group = member;
    }
    return group;
  }

  /** Whether the name of a secret stands beside this parameter, or beside what it is a member of. */
  isValue(name: string, at: number): boolean {
    let group = this.root;
    for (const key of keysOf(name)) {
      if ((group.isNamed && isValueKey(key)) || isPairValue(group, key)) return true;
      const member = group.members?.get(key);
      if (member === undefined) return false;
      group = member;
    }
    return group.items === 2 && group.isFirstName && group.second === at;
  }
}
