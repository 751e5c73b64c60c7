import { Quotes } from './quotes';
import { addQuotable, type Quotable, readingsOf } from './spellings';

/** A shorter secret is too common to be known again. */
const SHORTEST = 3;
const MOST = 4_096;
/** Of all secrets together: what a search of them all may cost. */
const MOST_CHARS = 131_072;
const MOST_ITEMS = 1_000;
const DEEPEST = 6;

/** The secrets that were masked in one event, so that a message which quotes one can be masked too. */
export class SecretMemory {
  private secrets: Set<string> | undefined;
  private chars = 0;
  /** Made when a message asks: most requests have none. */
  private quotable: Quotable | undefined;
  private isIncomplete = false;

  /** Something was not looked at: from now on every text may quote a secret. */
  giveUp(): void {
    this.isIncomplete = true;
    this.secrets = undefined;
    this.quotable = undefined;
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
    if (text.length < SHORTEST) return;
    this.secrets ??= new Set();
    if (this.secrets.has(text)) return;
    this.chars += text.length;
    if (this.secrets.size >= MOST || this.chars > MOST_CHARS) {
      this.giveUp();
      return;
    }
    this.secrets.add(text);
    this.quotable = undefined;
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
    if (this.secrets === undefined || text === '') return false;
    const { values, pieces } = this.allQuotable(this.secrets);
    const quotes = new Quotes(readingsOf(text));
    return values.some((value) => quotes.hasValue(value)) || pieces.some((piece) => quotes.hasPartOf(piece));
  }

  private allQuotable(secrets: ReadonlySet<string>): Quotable {
    if (this.quotable !== undefined) return this.quotable;
    const quotable: Quotable = { values: [], pieces: [] };
    for (const secret of secrets) addQuotable(secret, quotable);
    this.quotable = quotable;
    return quotable;
  }
}
