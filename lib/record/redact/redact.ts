import { createHmac } from 'node:crypto';
import { setOwn } from '../../escape';
import type { Json } from '../../event';
import type { RedactSettings } from '../../options';
import { createKeyRule } from './keys';
import { compilePaths, type PathNode, step } from './paths';
import { redactPairs, redactUrl, type UrlRules } from './url';
import { isSecretNumber, isSecretValue } from './values';

/** A longer string is recorded by its size and hash alone, so nothing in it needs to be looked for. */
export const LONGEST_SCANNED = 65_536;
const MOST_LEVELS = 5;
const MOST_NODES = 2_000;
const MOST_REMEMBERED = 64;
const SHORTEST_REMEMBERED = 4;
const URL_MASK = 'REDACTED';
const ABSOLUTE_URL = /^\s*[a-z][a-z0-9+.-]*:\/\/\S+\s*$/i;
const FORM = /^\s*[^\s=&;]{1,256}=[^\n\r]*$/;
const NAME_KEYS = new Set([
  'name',
  'key',
  'field',
  'header',
  'param',
  'parameter',
  'property',
  'attribute',
  'label',
  'id',
  'type',
  'k',
  'n',
]);
const VALUE_KEYS = new Set([
  'value',
  'values',
  'val',
  'v',
  'data',
  'content',
  'text',
  'oldvalue',
  'newvalue',
  'default',
]);
const LONGEST_VALUE_KEY = 8;
const NO_PATHS: readonly PathNode[] = [];

interface Rules {
  readonly settings: RedactSettings;
  readonly isSecretKey: (key: string) => boolean;
  readonly paths: PathNode | null;
}

/** Own entries whose getters are not run: only data counts as a name beside a value. */
function isNamedSecret(parent: object, isSecretKey: (key: string) => boolean): boolean {
  for (const [key, property] of Object.entries(Object.getOwnPropertyDescriptors(parent))) {
    const name: unknown = property.value;
    if (typeof name === 'string' && NAME_KEYS.has(key.toLowerCase()) && isSecretKey(name)) return true;
  }
  return false;
}

/** A query's `user[ssn]` against the path `queryParams.user.ssn`. */
function isHiddenPath(nodes: readonly PathNode[], name: string): boolean {
  let reached = nodes;
  for (const key of name.split(/[[\]]+/)) {
    if (key === '') continue;
    reached = step(reached, key);
    if (reached.some((node) => node.isEnd)) return true;
  }
  return false;
}

/**
 * Masks the secrets of one event: whole values, never parts of them, always on a copy. It remembers what it
 * masked, so that an error message which quotes a secret can be masked too.
 */
export class Redaction implements UrlRules {
  private readonly remembered: string[] = [];

  constructor(private readonly rules: Rules) {}

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
    if (typeof value === 'number' && isSecretNumber(value)) return true;
    if (Array.isArray(parent)) return key === '1' && this.isPair(parent);
    if (this.rules.isSecretKey(key)) return true;
    if (key.length > LONGEST_VALUE_KEY || !VALUE_KEYS.has(key.toLowerCase())) return false;
    return isNamedSecret(parent, this.rules.isSecretKey);
  }

  private isPair(items: readonly unknown[]): boolean {
    const [name] = items;
    return items.length === 2 && typeof name === 'string' && this.rules.isSecretKey(name);
  }

  isSecretKey(key: string): boolean {
    return this.rules.isSecretKey(key);
  }

  /** Whether a whole string is a secret or holds one in a JSON text. */
  isSecretText(text: string): boolean {
    return isSecretValue(text) || this.scan(text, 0) !== text;
  }

  /** The mask inside of a URL. */
  mask(value: string): string {
    this.remember(value);
    const digest = this.digest(value);
    return digest === null ? URL_MASK : `${URL_MASK}-${digest}`;
  }

  /** What stands in the place of a value. @throws what the user's censor throws */
  censor(value: unknown, path: readonly string[]): Json {
    this.remember(value);
    if (path[0] === 'headers' && path[1] === 'cookie' && path.length === 2 && typeof value === 'string') {
      return this.cookieNames(value);
    }
    const { censor } = this.rules.settings;
    if (typeof censor === 'function') {
      const result = censor(value, path);
      return typeof result === 'string' || typeof result === 'boolean' || result === null
        ? result
        : '[REDACTED]';
    }
    const digest = this.digest(value);
    return digest === null
      ? censor
      : `${censor.replace(/\]$/, '')}:${digest}${censor.endsWith(']') ? ']' : ''}`;
  }

  private cookieNames(header: string): string {
    const names = header
      .split(';')
      .slice(0, MOST_REMEMBERED)
      .map((pair) => {
        const equals = pair.indexOf('=');
        this.remember(pair.slice(equals + 1).trim());
        return equals === -1 ? '[REDACTED]' : `${pair.slice(0, equals).trim()}=[REDACTED]`;
      });
    return names.join('; ');
  }

  private digest(value: unknown): string | null {
    const { hmacKey } = this.rules.settings;
    if (hmacKey === null) return null;
    const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
    return createHmac('sha256', hmacKey)
      .update(text ?? '')
      .digest('hex')
      .slice(0, 16);
  }

  /** A whole string without its secrets: the string itself where it has none. */
  text(text: string, path: readonly string[]): Json {
    if (isSecretValue(text)) return this.censor(text, path);
    return this.scan(text, 0);
  }

  /** Looks for secrets in a URL, a JSON text or a form: the structures in which a string carries whole values. */
  private scan(text: string, level: number): string {
    if (text.length < SHORTEST_REMEMBERED || text.length > LONGEST_SCANNED) return text;
    const start = text.trimStart().charCodeAt(0);
    if (start === 123 || start === 91 || start === 34) {
      const redacted = this.scanJson(text, level);
      if (redacted !== null) return redacted;
    }
    if (!text.includes('=') && !text.includes('@') && !text.includes('://')) return text;
    if (ABSOLUTE_URL.test(text)) return redactUrl(text, this);
    return FORM.test(text) ? redactPairs(text, this) : text;
  }

  /** Null when the text is no JSON. */
  private scanJson(text: string, level: number): string | null {
    let tree: unknown;
    try {
      tree = JSON.parse(text);
    } catch {
      return null;
    }
    if (level >= MOST_LEVELS) return this.mask(text);
    const walk = { nodes: 0, isChanged: false };
    const redacted = this.walk(tree, level + 1, walk);
    if (walk.nodes > MOST_NODES) return this.mask(text);
    return walk.isChanged ? JSON.stringify(redacted) : text;
  }

  private walk(
    value: unknown,
    level: number,
    state: { nodes: number; isChanged: boolean },
    depth = 0,
  ): unknown {
    state.nodes += 1;
    if (state.nodes > MOST_NODES) return null;
    if (depth > 100) {
      state.nodes = MOST_NODES + 1;
      return null;
    }
    if (typeof value === 'string') {
      const redacted = isSecretValue(value) ? this.censor(value, []) : this.scan(value, level);
      state.isChanged ||= redacted !== value;
      return redacted;
    }
    if (value === null || typeof value !== 'object') return value;
    const copy: Record<string, unknown> = Array.isArray(value)
      ? ([] as unknown as Record<string, unknown>)
      : {};
    for (const key of Object.keys(value)) {
      const member = (value as Record<string, unknown>)[key];
      const isHidden = this.hides(NO_PATHS, value, key, member);
      state.isChanged ||= isHidden;
      setOwn(copy, key, isHidden ? this.censor(member, [key]) : this.walk(member, level, state, depth + 1));
      if (state.nodes > MOST_NODES) break;
    }
    return copy;
  }

  /** The request target: what hides a query parameter by its path hides it here too. */
  url(url: string, secretSegments?: ReadonlySet<string>): string {
    const nodes = this.open('queryParams');
    const isSecretKey = (name: string): boolean => this.isSecretKey(name) || isHiddenPath(nodes, name);
    const isSecretText = (text: string): boolean => this.isSecretText(text);
    return redactUrl(url, { isSecretKey, isSecretText, mask: (value) => this.mask(value) }, secretSegments);
  }

  /** Whether a text quotes something that was masked in this event. */
  quotesSecret(text: string): boolean {
    return this.remembered.some((secret) => text.includes(secret));
  }

  private remember(value: unknown, depth = 0): void {
    if (this.remembered.length >= MOST_REMEMBERED) return;
    if (typeof value === 'string' || typeof value === 'number') {
      const text = String(value);
      if (text.length >= SHORTEST_REMEMBERED && text.length <= LONGEST_SCANNED) this.remembered.push(text);
    } else if (typeof value === 'object' && value !== null && depth < 4) {
      for (const member of Object.values(value).slice(0, MOST_REMEMBERED)) this.remember(member, depth + 1);
    }
  }
}

/** The same questions where secrets are recorded on purpose (`dangerouslyRecordSecrets`). */
class NoRedaction extends Redaction {
  override hides(): boolean {
    return false;
  }
  override isSecretText(): boolean {
    return false;
  }
  override text(text: string): Json {
    return text;
  }
  override url(url: string): string {
    return url;
  }
  override quotesSecret(): boolean {
    return false;
  }
}

/** A factory of one redaction an event; rules and the cache of judged keys are shared. */
export function createRedactor(settings: RedactSettings, recordSecrets: boolean): () => Redaction {
  const rules: Rules = {
    settings,
    isSecretKey: createKeyRule(settings.keys),
    paths: compilePaths(settings.paths),
  };
  return () => (recordSecrets ? new NoRedaction(rules) : new Redaction(rules));
}
