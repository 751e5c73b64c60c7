const ASCII = 128;
const CASE = 32;
const SEPARATORS: readonly string[] = ['-', '_', '.', ' '];
/** Class of what the comparison leaves out. */
const LEFT_OUT = 255;

/** What was read of a word; `fallback` is the row of the longest end of it that another word begins with. */
interface State {
  readonly members: Map<number, State>;
  isEnd: boolean;
  row: number;
  fallback: number;
}

function createState(): State {
  return { members: new Map(), isEnd: false, row: 0, fallback: 0 };
}

/**
 * Whether any of some words stands in an ASCII text, without regard to case and separators, in one look at every
 * character and without a copy of the text (Aho and Corasick). A walk begins with `START`, and once it has found a
 * word it remains at `FOUND`.
 */
export class WordSearch {
  static readonly START = 0;
  readonly FOUND: number;
  /** Of each character: 0 where no word has it. */
  private readonly classes = new Uint8Array(ASCII);
  private readonly width: number;
  /** A row for each state, with what follows by the class of the next character. */
  private readonly next: Int32Array;

  /** @param words in lower case and without separators; those beyond ASCII are never in an ASCII text */
  constructor(words: readonly string[]) {
    const plain = words.filter((word) => /^[!-~]+$/.test(word));
    this.width = this.classify(plain);
    this.FOUND = this.width;
    const root = createState();
    for (const word of plain) this.plant(root, word);
    this.next = this.compile(root);
  }

  private classify(words: readonly string[]): number {
    let last = 0;
    for (const letter of new Set(words.join(''))) {
      last += 1;
      this.classes[letter.charCodeAt(0)] = last;
      if (letter >= 'a' && letter <= 'z') this.classes[letter.charCodeAt(0) - CASE] = last;
    }
    for (const separator of SEPARATORS) this.classes[separator.charCodeAt(0)] = LEFT_OUT;
    return last + 1;
  }

  private plant(root: State, word: string): void {
    let state = root;
    for (let i = 0; i < word.length; i++) {
      const letter = this.classes[word.charCodeAt(i)] as number;
      const member = state.members.get(letter) ?? createState();
      state.members.set(letter, member);
      state = member;
    }
    state.isEnd = true;
  }

  /** States in the order of their depth, so that a row is complete before another one falls back to it. */
  private compile(root: State): Int32Array {
    const { width, FOUND } = this;
    const rows = [new Int32Array(width), new Int32Array(width).fill(FOUND)];
    const rowAt = (start: number): Int32Array => rows[start / width] as Int32Array;
    const states = [root];
    for (const state of states) {
      const row = rowAt(state.row);
      if (state !== root) row.set(rowAt(state.fallback));
      for (const [letter, member] of state.members) {
        member.fallback = row[letter] as number;
        const isFound = member.isEnd || member.fallback === FOUND;
        member.row = isFound ? FOUND : rows.length * width;
        row[letter] = member.row;
        if (isFound) continue;
        rows.push(new Int32Array(width));
        states.push(member);
      }
    }
    const next = new Int32Array(rows.length * width);
    rows.forEach((row, i) => {
      next.set(row, i * width);
    });
    return next;
  }

  /** @param code of an ASCII character */
  step(state: number, code: number): number {
    const letter = this.classes[code] as number;
    return letter === LEFT_OUT ? state : (this.next[state + letter] as number);
  }

  isIn(text: string): boolean {
    let state: number = WordSearch.START;
    for (let i = 0; i < text.length && state !== this.FOUND; i++)
      state = this.step(state, text.charCodeAt(i));
    return state === this.FOUND;
  }
}
