const SHORTEST = 3;
/** A shorter secret counts as quoted only where it stands alone: three digits, or a plain word, are part of many texts. */
const SHORTEST_ANYWHERE = 8;
/** Messages quote long values in part; this much of one is enough to know it again. */
const HEAD = 16;
const MOST = 4_096;
const MOST_ITEMS = 1_000;
const DEEPEST = 6;
const QUOTING = /["'`\\]/g;
const WORD = /[\p{L}\p{N}]/u;

/** Without case, and without what JSON and inspection put around quotes. */
function comparable(text: string): string {
  return text.toLowerCase().replace(QUOTING, '');
}

function standsAlone(text: string, word: string): boolean {
  for (let at = text.indexOf(word); at !== -1; at = text.indexOf(word, at + 1)) {
    const isJoined = WORD.test(text.charAt(at - 1)) || WORD.test(text.charAt(at + word.length));
    if (!isJoined) return true;
  }
  return false;
}

/** The secrets that were masked in one event, so that a message which quotes one can be masked too. */
export class SecretMemory {
  private heads: Set<string> | undefined;
  private isIncomplete = false;

  /** Something was not looked at: from now on every text may quote a secret. */
  giveUp(): void {
    this.isIncomplete = true;
  }

  add(value: unknown, depth = 0): void {
    if (this.isIncomplete) return;
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint') {
      this.addText(String(value));
    } else if (typeof value === 'object' && value !== null) {
      this.addMembers(value, depth);
    }
  }

  private addText(text: string): void {
    const head = text.slice(0, 4 * HEAD).trim();
    if (head.length < SHORTEST) return;
    this.heads ??= new Set();
    if (this.heads.size >= MOST) this.giveUp();
    else this.heads.add(head);
  }

  private addMembers(value: object, depth: number): void {
    try {
      if (depth >= DEEPEST) this.giveUp();
      const members: unknown[] = Object.values(value);
      if (members.length > MOST_ITEMS) this.giveUp();
      for (const member of members.slice(0, depth < DEEPEST ? MOST_ITEMS : 0)) this.add(member, depth + 1);
    } catch {
      // a getter that throws has given nothing away
    }
  }

  isQuotedIn(text: string): boolean {
    if (this.isIncomplete) return true;
    if (this.heads === undefined) return false;
    const searched = comparable(text);
    for (const head of this.heads) {
      const secret = comparable(head).slice(0, HEAD);
      if (secret.length < SHORTEST_ANYWHERE ? standsAlone(searched, secret) : searched.includes(secret))
        return true;
    }
    return false;
  }
}
