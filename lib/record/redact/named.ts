import { isFlatKey, isName, isNameKey, isPairName, isValueKey } from './keys';
import { NamedParameters } from './named-parameters';

const LONGEST_PATH = 32;

/** What stands beside what in one object. */
interface Judged {
  /** Whether the name of a secret stands among its own members, or first in a pair. */
  readonly isNamed: boolean;
  /** What its flat keys say; null where it has none, or none of them names a secret. */
  readonly flat: NamedParameters | null;
}

const HIDDEN: Judged = { isNamed: true, flat: null };

/** A member that is data: a getter is not run twice. */
function dataAt(parent: object, key: string): unknown {
  return Object.getOwnPropertyDescriptor(parent, key)?.value;
}

/** Tells objects like `{ name: 'password', value: 'x' }` and pairs like `['password', 'x']`. */
export class NamedValues {
  /** Judged once: one name may stand beside many values. */
  private judged: WeakMap<object, Judged> | undefined;

  constructor(private readonly isSecretName: (name: string) => boolean) {}

  /** Whether the name of a secret stands in it anywhere. */
  isNamed(parent: object): boolean {
    const { isNamed, flat } = this.judge(parent);
    return isNamed || flat !== null;
  }

  /** Whether a member, or an item, is the value of such a name. */
  isValue(parent: object, key: string): boolean {
    if (Array.isArray(parent)) return key === '1' && parent.length === 2 && this.judge(parent).isNamed;
    const isOwnValue = isValueKey(key);
    if (!isOwnValue && !isFlatKey(key)) return false;
    const { isNamed, flat } = this.judge(parent);
    return (isOwnValue && isNamed) || flat?.isValue(key, 0) === true;
  }

  private judge(parent: object): Judged {
    const known = this.judged?.get(parent);
    if (known !== undefined) return known;
    const judged = this.read(parent);
    this.judged ??= new WeakMap();
    this.judged.set(parent, judged);
    return judged;
  }

  private read(parent: object): Judged {
    try {
      if (Array.isArray(parent)) return { isNamed: this.isPairNamed(parent), flat: null };
      const keys = Object.keys(parent);
      const isNamed = keys.some((key) => isNameKey(key) && this.isNameOfSecret(dataAt(parent, key)));
      return { isNamed, flat: keys.some(isFlatKey) ? this.readFlat(parent, keys) : null };
    } catch {
      // a Proxy may refuse: then its values are hidden
      return HIDDEN;
    }
  }

  private readFlat(parent: object, keys: readonly string[]): NamedParameters | null {
    const flat = new NamedParameters(this.isSecretName);
    for (const key of keys) {
      const value = dataAt(parent, key);
      const names: readonly unknown[] = Array.isArray(value) ? value.slice(0, LONGEST_PATH) : [value];
      const name = names.find((one) => typeof one === 'string' && isName(one) && this.isSecretName(one));
      flat.add(key, typeof name === 'string' ? name : '', 0);
    }
    return flat.isNaming ? flat : null;
  }

  private isPairNamed(parent: object): boolean {
    const first = dataAt(parent, '0');
    return typeof first === 'string' && isPairName(first) && this.isSecretName(first);
  }

  /** A name, or a path as a list of names. */
  private isNameOfSecret(value: unknown): boolean {
    if (typeof value === 'string') return isName(value) && this.isSecretName(value);
    if (!Array.isArray(value) || value.length > LONGEST_PATH) return false;
    return value.some((one) => typeof one === 'string' && this.isNameOfSecret(one));
  }
}
