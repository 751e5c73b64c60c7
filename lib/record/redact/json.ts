import { isName, isNameKey, isPairName, isValueKey } from './keys';
import { type PathNode, step } from './paths';
import type { TextRules } from './text';
import { isSecretNumber, isSecretValue } from './values';

const QUOTE = 34;
const BACKSLASH = 92;
const COLON = 58;
const COMMA = 44;
const BARE_END = /[\s,:"{}[\]]/g;
const MOST_FRAMES = 100_000;
const LITERAL = /^(?:true|false|null|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)$/;

interface Span {
  readonly start: number;
  end: number;
}

interface Edit extends Span {
  readonly text: string;
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

/** What stands between two commas. */
type Token = Span & { readonly kind: 'string' | 'literal' | 'bare'; readonly value: string };

const isBlank = (code: number): boolean => code === 32 || code === 10 || code === 13 || code === 9;

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
    while (at < this.text.length && !this.mustHide) at = this.read(at);
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
        return this.take(code === QUOTE ? this.quoted(at) : this.bare(at));
    }
  }

  private quoted(start: number): Token {
    let end = this.text.indexOf('"', start + 1);
    while (end !== -1 && this.isEscaped(end)) end = this.text.indexOf('"', end + 1);
    const isCut = end === -1;
    if (isCut) this.isLoose = true;
    const raw = this.text.slice(start + 1, isCut ? this.text.length : end);
    return { kind: 'string', start, end: isCut ? this.text.length : end + 1, value: unquote(raw) };
  }

  private isEscaped(at: number): boolean {
    let slashes = 0;
    while (this.text.charCodeAt(at - 1 - slashes) === BACKSLASH) slashes += 1;
    return slashes % 2 === 1;
  }

  private bare(start: number): Token {
    BARE_END.lastIndex = start;
    const end = BARE_END.exec(this.text)?.index ?? this.text.length;
    const value = this.text.slice(start, end);
    return { kind: LITERAL.test(value) ? 'literal' : 'bare', start, end, value };
  }

  /** A key is what a colon follows; anything else is a value. */
  private take(token: Token): number {
    let next = token.end;
    while (isBlank(this.text.charCodeAt(next))) next += 1;
    const isKey = this.text.charCodeAt(next) === COLON && (token.kind === 'string' || !this.top.isArray);
    if (token.kind === 'bare') this.isLoose = true;
    if (isKey) this.takeKey(token);
    else this.takeValue(token);
    return isKey ? next + 1 : token.end;
  }

  private takeKey(token: Token): void {
    const name = token.kind === 'bare' ? token.value.replace(/^'|'$/g, '') : token.value;
    this.top.key = name;
    const stored = this.rules.name(name, this.level + 1);
    if (stored !== name) this.edit(token, stored);
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
    else this.edit(token, this.rules.censor(token.value, this.top.key === null ? [] : [this.top.key]));
  }

  private takeText(token: Token): void {
    const isSecret = isSecretValue(token.value);
    const redacted = isSecret ? null : this.rules.scan(token.value, this.nodesHere(), this.level + 1);
    if (redacted === null) this.hide(token);
    else if (redacted !== token.value) this.edit(token, redacted);
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
      if (!top.isHidden) this.censor(span, top.key);
      return;
    }
    // a list of more than two is no pair
    if (frame.isNamed && (!frame.isArray || frame.items === 2)) {
      for (const named of frame.named) this.censor(named, 'value');
    }
    this.noteNamed(top, span);
  }

  private censor(span: Span, key: string | null): void {
    const value = parse(this.text.slice(span.start, span.end));
    this.edit(span, this.rules.censor(value, key === null ? [] : [key]));
  }

  private edit({ start, end }: Span, value: unknown): void {
    this.edits.push({ start, end, text: JSON.stringify(value) ?? 'null' });
  }

  /** Where two overlap, the larger one counts. */
  private edited(): string {
    const edits = this.edits.sort((a, b) => a.start - b.start || b.end - a.end);
    let redacted = '';
    let at = 0;
    for (const { start, end, text } of edits) {
      if (start < at) continue;
      redacted += this.text.slice(at, start) + text;
      at = end;
    }
    return redacted + this.text.slice(at);
  }
}

function unquote(raw: string): string {
  if (!raw.includes('\\')) return raw;
  try {
    return String(JSON.parse(`"${raw}"`));
  } catch {
    return raw.replace(/\\+(["/])?/g, '$1');
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
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
