import { parseOr, readBare, readQuoted, type Span, type Token } from './json-token';
import { isName, isNameKey, isPairName, isValueKey } from './keys';
import { type PathNode, step } from './paths';
import type { TextRules } from './text';
import { isSecretNumber, isSecretValue } from './values';

const QUOTE = 34;
const COLON = 58;
const COMMA = 44;
const MOST_FRAMES = 100_000;

interface Edit extends Span {
  /** What stands there instead; null where it is a mask. */
  readonly text: string | null;
  /** The key of what is masked. */
  readonly key: string | null;
}

/** An array or object that is open. */
interface Frame {
  readonly isArray: boolean;
  readonly start: number;
  readonly nodes: readonly PathNode[];
  /** Whether the whole of it is masked. */
  readonly isHidden: boolean;
  key: string | null;
  items: number;
  /** A name of a secret stands in it, beside what may be its value. */
  isNamed: boolean;
  /** Values that are masked if such a name stands beside them. */
  readonly named: Span[];
}

const isBlank = (code: number): boolean => code === 32 || code === 10 || code === 13 || code === 9;
/** Between a name and its colon: whatever lenient readers skip, and what is not seen. */
const GAP = /[\s\p{Cc}\p{Cf}]*/uy;

/**
 * Masks the secrets in one JSON text and leaves all else as it was spelled. It reads tokens instead of parsing, so
 * that a text that is nested deeply, cut short, repeated line by line or with keys repeated hides nothing.
 */
class JsonText {
  private readonly edits: Edit[] = [];
  private readonly frames: Frame[];
  /** Something that JSON does not allow stands in it. */
  private isLoose = false;
  private mustHide = false;

  constructor(
    private readonly text: string,
    private readonly rules: TextRules,
    nodes: readonly PathNode[],
    private readonly level: number,
  ) {
    this.frames = [this.frame(true, 0, nodes, false)];
  }

  /** Null when the whole must be hidden, undefined when it is no JSON. */
  redact(): string | null | undefined {
    let at = 0;
    // a token of nothing would be read for ever
    while (at < this.text.length && !this.mustHide) at = Math.max(this.read(at), at + 1);
    while (this.frames.length > 1) this.close(this.text.length);
    if (this.mustHide) return null;
    if (this.edits.length > 0) return this.edited();
    return this.isLoose ? undefined : this.text;
  }

  private frame(isArray: boolean, start: number, nodes: readonly PathNode[], isHidden: boolean): Frame {
    return { isArray, start, nodes, isHidden, key: null, items: 0, isNamed: false, named: [] };
  }

  private get top(): Frame {
    return this.frames[this.frames.length - 1] as Frame;
  }

  private read(at: number): number {
    const code = this.text.charCodeAt(at);
    if (isBlank(code)) return at + 1;
    switch (code) {
      case 123: // {
      case 91: // [
        this.open(code === 91, at);
        return at + 1;
      case 125: // }
      case 93: // ]
        if (this.frames.length > 1) this.close(at + 1);
        else this.isLoose = true;
        return at + 1;
      case COMMA:
        this.top.key = null;
        return at + 1;
      case COLON:
        return at + 1;
      default:
        return this.take(code === QUOTE ? readQuoted(this.text, at) : readBare(this.text, at));
    }
  }

  /** A key is what a colon follows; anything else is a value. */
  private take(token: Token): number {
    GAP.lastIndex = token.end;
    GAP.test(this.text);
    const next = GAP.lastIndex;
    const isKey = this.text.charCodeAt(next) === COLON && (token.kind === 'string' || !this.top.isArray);
    if (token.kind === 'bare' || token.isCut) this.isLoose = true;
    if (isKey) this.takeKey(token);
    else this.takeValue(token);
    // what was skipped is not looked at again: there may be very much of it
    return isKey ? next + 1 : next;
  }

  private takeKey(token: Token): void {
    const name = token.kind === 'bare' ? token.value.replace(/^'|'$/g, '') : token.value;
    this.top.key = name;
    if (this.rules.isHiddenName(name, this.level + 1)) this.mask(token, null);
  }

  private isHiddenHere(): boolean {
    const { key } = this.top;
    return key !== null && this.rules.isSecretName(key);
  }

  /** Of the value that was counted last. */
  private nodesHere(): readonly PathNode[] {
    const { isArray, key, items, nodes } = this.top;
    if (nodes.length === 0 || this.frames.length === 1) return nodes;
    return step(nodes, isArray ? String(items - 1) : (key ?? ''));
  }

  private isPathEnd(): boolean {
    const isRoot = this.frames.length === 1;
    return !isRoot && this.top.nodes.length > 0 && this.nodesHere().some((node) => node.isEnd);
  }

  private takeValue(token: Token): void {
    const frame = this.top;
    frame.items += 1;
    if (token.value === 'null' && token.kind === 'literal') return;
    if (!frame.isHidden) this.noteName(frame, token.value);
    if (frame.isHidden) this.rules.remember(token.value);
    else if (this.isHiddenHere() || this.isPathEnd()) this.hide(token);
    else if (token.kind === 'string') this.takeText(token);
    else if (token.kind === 'bare') this.takeBare(token);
    else if (isSecretNumber(Number(token.value))) this.hide(token);
    this.noteNamed(frame, token);
  }

  private hide(token: Token): void {
    // where the text is no JSON, nobody knows where its value ends
    if (token.kind === 'bare') this.mustHide = true;
    else this.mask(token, this.top.key);
  }

  private takeText(token: Token): void {
    const isSecret = isSecretValue(token.value);
    const redacted = isSecret ? null : this.rules.scan(token.value, this.nodesHere(), this.level + 1);
    if (redacted === null) this.hide(token);
    else if (redacted !== token.value) this.replace(token, redacted);
  }

  private takeBare({ value }: Token): void {
    const equals = value.indexOf('=');
    this.mustHide ||= equals > 0 && this.rules.isSecretName(value.slice(0, equals));
  }

  private noteName(frame: Frame, text: string): void {
    if (!isName(text)) return;
    const outer = frame.isArray ? this.frames.at(-2) : frame;
    // a list under such a key is a path of names
    const isField = outer !== undefined && outer.key !== null && isNameKey(outer.key);
    const isPair = frame.isArray && frame.items === 1 && isPairName(text);
    if (!(isField || isPair) || !this.rules.isSecretName(text)) return;
    if (isField) outer.isNamed = true;
    if (isPair) frame.isNamed = true;
  }

  private noteNamed(frame: Frame, span: Span): void {
    const isValue = frame.isArray ? frame.items === 2 : frame.key !== null && isValueKey(frame.key);
    if (isValue) frame.named.push(span);
  }

  private open(isArray: boolean, at: number): void {
    const { top } = this;
    top.items += 1;
    const isHidden = top.isHidden || this.isHiddenHere() || this.isPathEnd();
    if (this.frames.length > MOST_FRAMES) this.mustHide = true;
    this.frames.push(this.frame(isArray, at, isHidden ? [] : this.nodesHere(), isHidden));
  }

  private close(end: number): void {
    const frame = this.frames.pop() as Frame;
    const span = { start: frame.start, end };
    const { top } = this;
    if (frame.isHidden) {
      if (!top.isHidden) this.mask(span, top.key);
      return;
    }
    // a list of more than two is no pair
    if (frame.isNamed && (!frame.isArray || frame.items === 2)) {
      for (const named of frame.named) this.mask(named, 'value');
    }
    this.noteNamed(top, span);
  }

  private replace({ start, end }: Span, text: string): void {
    this.edits.push({ start, end, text: JSON.stringify(text), key: null });
  }

  private mask({ start, end }: Span, key: string | null): void {
    this.edits.push({ start, end, text: null, key });
  }

  /** Where two overlap, the larger one counts, and only that is looked at: they may be nested deeply. */
  private edited(): string {
    const edits = this.edits.sort((a, b) => a.start - b.start || b.end - a.end);
    let redacted = '';
    let at = 0;
    for (const { start, end, text, key } of edits) {
      if (start < at) continue;
      redacted += this.text.slice(at, start) + (text ?? this.censored(this.text.slice(start, end), key));
      at = end;
    }
    return redacted + this.text.slice(at);
  }

  private censored(raw: string, key: string | null): string {
    return JSON.stringify(this.rules.censor(parseOr(raw), key === null ? [] : [key]));
  }
}

/** @returns the text without its secrets; null when it must be hidden as a whole, undefined when it is no JSON */
export function redactJson(
  text: string,
  rules: TextRules,
  nodes: readonly PathNode[],
  level: number,
): string | null | undefined {
  return new JsonText(text, rules, nodes, level).redact();
}
