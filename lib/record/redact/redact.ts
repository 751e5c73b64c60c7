import { escapeKey } from '../../escape';
import type { Json } from '../../event';
import { redactJson } from './json';
import { isJsonStart, isSecretJson, isSecretJsonForm, joinJsonForm } from './json-forms';
import type { KeyRule } from './keys';
import type { Mask } from './mask';
import { SecretMemory } from './memory';
import { NamedValues } from './named';
import { redactPairs } from './pairs';
import { NO_PATHS, type PathNode, step } from './paths';
import type { PlainUrls } from './plain-urls';
import type { RepeatedHeaders } from './repeated';
import { decodePercent, type TextRules } from './text';
import { redactUrl } from './url';
import { isSecretNumber, isSecretValue } from './values';

const CACHED_KEYS = 1_000;
const LONGEST_CACHED_KEY = 64;
/** Of a longer string nothing may be kept but its size and hash: it is not searched. */
const LONGEST_SCANNED = 1_048_576;
const MOST_LEVELS = 6;
/** Shorter cookies are settings (`theme=dark`), which messages may well name. */
const SHORTEST_COOKIE = 8;
const SHORTEST_SCANNED = 4;
const STRUCTURE = /[=@%]|\/\//;
const URL_START = /^\s*(?:[a-z][a-z0-9+.:-]*:)?\/\/\S/i;
/** The first name of a form, of settings like `Data Source=x;Password=y`, or behind a comma. */
const FORM = /^\s*(?:[^\s=]{0,256}=|\w+(?: \w+){1,3}=[^=]*;|(?:[^\s=,]{1,64},\s{0,8}){1,8}[^\s=,]{1,64}=)/;
/** No text of this shape and length is a secret by its looks. */
const PLAIN_NAME = /^[A-Za-z_$-]{1,14}$/;
/** A name has none of these: it is a JSON text that a form parser took for one. */
const NO_NAME = /[{}"]/;
const HOST_HEADER = /(?:^|-)(?:host|origin|server|authority)$|^forwarded$/;
/** Credentials in the middle of a message. */
const QUOTED_CREDENTIALS = /\b(?:Bearer|Basic|Token) +[A-Za-z0-9._~+/=-]{16,}/i;
const MESSAGE_BREAK = /[\s"'`<>()[\]{},]+/;

/** A key as it may be seen, and as it is stored. */
interface VisibleKey {
  readonly name: string;
  /** Escaped. */
  readonly stored: string;
  /** Of what is stored. */
  readonly bytes: number;
}

export interface Rules {
  readonly keyNames: Map<string, VisibleKey>;
  readonly keys: KeyRule;
  readonly plainUrls: PlainUrls;
  readonly mask: Mask;
  readonly paths: PathNode | null;
  readonly repeated: RepeatedHeaders;
}

/**
 * Masks the secrets of one event: whole values, never parts of them, always on a copy. It remembers what it
 * masked, so that an error message which quotes a secret can be masked too.
 */
export class Redaction implements TextRules {
  readonly longestText = LONGEST_SCANNED;
  private readonly memory = new SecretMemory();
  private readonly named: NamedValues;

  constructor(private readonly rules: Rules) {
    this.named = new NamedValues((name) => rules.keys.isSecretName(name));
  }

  /** Where a walk through a section starts among the configured paths. */
  open(section: string): readonly PathNode[] {
    return this.rules.paths === null ? NO_PATHS : step([this.rules.paths], section);
  }

  descend(nodes: readonly PathNode[], key: string): readonly PathNode[] {
    return nodes.length === 0 ? NO_PATHS : step(nodes, key);
  }

  /** Whether a member is masked whole, for its key, its path, the name beside it, or for being a card number. */
  hides(nodes: readonly PathNode[], parent: object, key: string, value: unknown): boolean {
    if (value === null || value === undefined) return false;
    if (nodes.length > 0 && nodes.some((node) => node.isEnd)) return true;
    if ((typeof value === 'number' || typeof value === 'bigint') && isSecretNumber(value)) return true;
    if (Array.isArray(parent)) return this.named.isValue(parent, key);
    const role = this.rules.keys.roleOf(key);
    return role === 'secret' || (role === 'value' && this.named.isValue(parent, key));
  }

  /** Whether the name of a secret stands in an object, or first in a pair. */
  isNamed(parent: object): boolean {
    return this.named.isNamed(parent);
  }

  isSecretKey(key: string): boolean {
    return this.rules.keys.isSecretKey(key);
  }

  isSecretName(name: string): boolean {
    return this.rules.keys.isSecretName(name);
  }

  isHiddenName(name: string, level: number): boolean {
    if (PLAIN_NAME.test(name)) return false;
    return this.isSecretText(name, level) || (NO_NAME.test(name) && this.isSecretName(name));
  }

  /** Clients choose the keys, so the cache is bounded; one that is masked is not kept. */
  key(key: string): VisibleKey {
    const { keyNames } = this.rules;
    const known = keyNames.get(key);
    if (known !== undefined) return known;
    const name = this.name(key);
    const stored = escapeKey(name);
    const visible = { name, stored, bytes: Buffer.byteLength(stored) };
    if (name === key && key.length <= LONGEST_CACHED_KEY) {
      if (keyNames.size >= CACHED_KEYS) keyNames.clear();
      keyNames.set(key, visible);
    }
    return visible;
  }

  /** A key, or the name of a cookie, as it may be seen. */
  name(name: string): string {
    if (!this.isHiddenName(name, 0)) return name;
    const mask = this.censor(name, []);
    return typeof mask === 'string' ? mask : '[REDACTED]';
  }

  isSecretText(text: string, level = 0): boolean {
    return isSecretValue(text) || this.scan(text, NO_PATHS, level) !== text;
  }

  isSecretPart(text: string, level: number): boolean {
    if (isSecretValue(text)) return true;
    const isStructured = isJsonStart(text) || URL_START.test(text);
    return isStructured && this.scan(text, NO_PATHS, level) !== text;
  }

  isPlainUrl(url: string): boolean {
    return this.rules.plainUrls.isPlain(url);
  }

  remember(value: unknown): void {
    this.memory.add(value);
  }

  mask(value: string): string {
    this.remember(value);
    return this.rules.mask.inUrl(value);
  }

  /** What stands in the place of a value. @throws what the user's censor throws */
  censor(value: unknown, path: readonly string[]): Json {
    if (path.length === 2 && path[0] === 'headers' && path[1] === 'cookie' && typeof value === 'string') {
      return this.cookies(value, path);
    }
    this.remember(value);
    return this.rules.mask.censor(value, path);
  }

  /** The names of cookies are kept. */
  private cookies(header: string, path: readonly string[]): string {
    const pairs = header.split(';').map((pair) => {
      const equals = pair.indexOf('=');
      const value = pair.slice(equals + 1).trim();
      if (value === '') return pair.trim();
      const name = equals === -1 ? '' : this.name(pair.slice(0, equals).trim());
      if (value.length >= SHORTEST_COOKIE) this.remember(value);
      const mask = this.rules.mask.censor(value, [...path, name]);
      return `${equals === -1 ? '' : `${name}=`}${typeof mask === 'string' ? mask : '[REDACTED]'}`;
    });
    return pairs.join('; ');
  }

  /** A whole string without its secrets: the string itself where it has none. */
  text(text: string, path: readonly string[], nodes?: readonly PathNode[]): Json {
    if (path[0] === 'headers' && path.length > 1) return this.header(text, path);
    if (isSecretValue(text)) return this.censor(text, path);
    return this.scan(text, nodes ?? NO_PATHS, 0) ?? this.censor(text, path);
  }

  /** Who or what an app names; a cut may hide what tells a secret. */
  identity(text: string, isSecret: boolean): Json {
    const seen = isSecret || isSecretValue(text) ? null : this.scan(text, NO_PATHS, 0);
    return seen ?? this.rules.mask.identity(text);
  }

  private header(text: string, path: readonly string[]): Json {
    const name = path[1] ?? '';
    const { repeated } = this.rules;
    const known = repeated.known(name, text);
    if (known !== undefined) return known;
    const visible = isSecretValue(text) ? null : this.scanHeader(text, name);
    if (visible === text) repeated.add(name, text);
    return visible ?? this.censor(text, path);
  }

  /** Headers carry targets without a host (`X-Original-URL`), and hosts without a scheme. */
  private scanHeader(text: string, name: string): string | null {
    if (text.startsWith('/')) return redactUrl(text, this, { level: 0 });
    if (text.includes('@') && HOST_HEADER.test(name) && !text.includes('://')) return null;
    return this.scan(text, NO_PATHS, 0);
  }

  scan(text: string, nodes: readonly PathNode[], level: number): string | null {
    if (text.length < SHORTEST_SCANNED) return text;
    if (text.length > LONGEST_SCANNED) {
      this.memory.giveUp();
      return text;
    }
    const isJson = isJsonStart(text);
    if (!isJson && !STRUCTURE.test(text)) return text;
    if (level > MOST_LEVELS) return null;
    const redacted = isJson ? redactJson(text, this, nodes, level) : undefined;
    return redacted === undefined ? this.scanLine(text, nodes, level) : redacted;
  }

  private scanLine(text: string, nodes: readonly PathNode[], level: number): string | null {
    if (URL_START.test(text)) return redactUrl(text, this, { level });
    if (FORM.test(text)) {
      // as it is spelled it was looked at already
      const isJson = text.includes('%') && isSecretJsonForm(text, this, level, nodes);
      return isJson ? null : redactPairs(text, this, level, nodes);
    }
    const decoded = decodePercent(text);
    return decoded === text || !this.isSecretText(decoded, level + 1) ? text : null;
  }

  /** Whether the members of a section are the pieces of a JSON text that was parsed as a form, and hold a secret. */
  isSecretForm(section: string, value: unknown): boolean {
    const text = joinJsonForm(value);
    if (text === undefined) return false;
    if (text !== null && text.length <= LONGEST_SCANNED)
      return isSecretJson(text, this, this.open(section), 0);
    this.memory.giveUp();
    return true;
  }

  /** The request target: what hides a query parameter by its path hides it here too. */
  url(url: string, secretParameters?: readonly string[]): string {
    return redactUrl(url, this, { level: 0, nodes: this.open('queryParams'), secretParameters });
  }

  /** Whether a text quotes something that was masked in this event, or credentials. */
  quotesSecret(text: string): boolean {
    if (this.memory.isQuotedIn(text) || QUOTED_CREDENTIALS.test(text)) return true;
    return text.split(MESSAGE_BREAK).some((word) => this.isSecretText(word));
  }
}
