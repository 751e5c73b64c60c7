/** Keys of one copy: several masked ones, or a mask and what a client sent, must not become one. */
export class FreeKeys {
  /** Never tried twice, so that a client who has sent the next names costs no more than their number. */
  private next = 0;

  constructor(private readonly copy: object) {}

  /** @param index where the key stood: the first number that tells it apart */
  find(key: string, index: number): string {
    if (!Object.hasOwn(this.copy, key)) return key;
    this.next = Math.max(this.next, index);
    for (;;) {
      const free = `${key} ${this.next}`;
      if (!Object.hasOwn(this.copy, free)) return free;
      this.next += 1;
    }
  }
}
