import { isName, isNameKey, isPairName } from './keys';

const LONGEST_PATH = 32;

/** A member that is data: a getter is not run twice. */
function dataAt(parent: object, key: string): unknown {
  return Object.getOwnPropertyDescriptor(parent, key)?.value;
}

/** Tells objects like `{ name: 'password', value: 'x' }` and pairs like `['password', 'x']`. */
export class NamedValues {
  /** Judged once: one name may stand beside many values. */
  private judged: WeakMap<object, boolean> | undefined;

  constructor(private readonly isSecretName: (name: string) => boolean) {}

  isNamed(parent: object): boolean {
    const known = this.judged?.get(parent);
    if (known !== undefined) return known;
    const isNamed = this.judge(parent);
    this.judged ??= new WeakMap();
    this.judged.set(parent, isNamed);
    return isNamed;
  }

  private judge(parent: object): boolean {
    try {
      return Array.isArray(parent) ? this.isPairNamed(parent) : this.isFieldNamed(parent);
    } catch {
      // a Proxy may refuse: then its values are hidden
      return true;
    }
  }

  private isPairNamed(parent: object): boolean {
    const first = dataAt(parent, '0');
    return typeof first === 'string' && isPairName(first) && this.isSecretName(first);
  }

  private isFieldNamed(parent: object): boolean {
    return Object.keys(parent).some((key) => isNameKey(key) && this.isNameOfSecret(dataAt(parent, key)));
  }

  /** A name, or a path as a list of names. */
  private isNameOfSecret(value: unknown): boolean {
    if (typeof value === 'string') return isName(value) && this.isSecretName(value);
    if (!Array.isArray(value) || value.length > LONGEST_PATH) return false;
    return value.some((one) => typeof one === 'string' && this.isNameOfSecret(one));
  }
}
