/** A shorter secret is too common to be known again. */
const SHORTEST = 3;
/** A shorter secret counts as quoted only where it stands alone: three digits, or a plain word, are part of many texts. */
const SHORTEST_ANYWHERE = 8;
/** Messages quote long values in part; this much of one is enough to know it again. */
const STRETCH = 12;
const QUOTING = /["'`\\]/g;
/** Messages fold white space, forms write a plus for it. */
const BLANK = /[\s+]+/g;
const WORD = /[\p{L}\p{N}]/u;

/** Without case, and without what JSON and inspection put around quotes. */
function comparable(text: string): string {
  return text.toLowerCase().replace(QUOTING, '');
}

/** What one text says, by its stretches: a question costs the length of the secret, not that of the text too. */
export class Quotes {
  private readonly spaced: readonly string[];
  private readonly tight: readonly string[];
  private readonly stretches = new Map<number, ReadonlySet<string>>();
  private alone: ReadonlySet<string> | undefined;

  /** @param readings of one text */
  constructor(readings: readonly string[]) {
    this.spaced = readings.map(comparable);
    this.tight = this.spaced.map((reading) => reading.replace(BLANK, ''));
  }

  /** Whether a secret stands here, or the beginning of a long one. */
  hasValue(secret: string): boolean {
    const spaced = comparable(secret.slice(0, 4 * STRETCH));
    if (spaced.length < SHORTEST) return false;
    if (spaced.length < SHORTEST_ANYWHERE) return this.standingAlone().has(spaced);
    const start = spaced.replace(BLANK, '').slice(0, STRETCH);
    return start.length >= SHORTEST && this.stretchesOf(start.length).has(start);
  }

  /** Whether any stretch of a secret stands here. */
  hasPartOf(secret: string): boolean {
    const length = Math.min(secret.length, STRETCH);
    const known = this.stretchesOf(length);
    if (known.size === 0) return false;
    const tight = comparable(secret).replace(BLANK, '');
    if (tight.length < length) return this.hasValue(secret);
    for (let at = 0; at + length <= tight.length; at++)
      if (known.has(tight.slice(at, at + length))) return true;
    return false;
  }

  private stretchesOf(length: number): ReadonlySet<string> {
    const known = this.stretches.get(length);
    if (known !== undefined) return known;
    const found = new Set<string>();
    for (const text of this.tight)
      for (let at = 0; at + length <= text.length; at++) found.add(text.slice(at, at + length));
    this.stretches.set(length, found);
    return found;
  }

  private standingAlone(): ReadonlySet<string> {
    this.alone ??= this.findAlone();
    return this.alone;
  }

  /** All short stretches that no letter or digit continues on either side. */
  private findAlone(): ReadonlySet<string> {
    const found = new Set<string>();
    for (const text of this.spaced) {
      for (let at = 0; at + SHORTEST <= text.length; at++) {
        if (WORD.test(text.charAt(at - 1))) continue;
        for (let end = at + SHORTEST; end < at + SHORTEST_ANYWHERE && end <= text.length; end++)
          if (!WORD.test(text.charAt(end))) found.add(text.slice(at, end));
      }
    }
    return found;
  }
}
