import { createHmac, randomBytes } from 'node:crypto';
import type { Json } from '../../event';
import type { RedactSettings } from '../../options';

const URL_MASK = 'REDACTED';
const DEFAULT_MASK = '[REDACTED]';
const DIGEST_CHARS = 16;
const KEY_BYTES = 32;

function textOf(value: unknown): string {
  if (typeof value !== 'object') return String(value);
  try {
    return JSON.stringify(value) ?? '';
  } catch {
    return '';
  }
}

function asJson(result: unknown): Json {
  const isScalar = typeof result === 'string' || typeof result === 'boolean' || result === null;
  return isScalar || (typeof result === 'number' && Number.isFinite(result)) ? result : DEFAULT_MASK;
}

/** Makes what stands in the place of secrets. */
export class Mask {
  /** A hash alone would tell a card number: there are few enough to try them all. */
  private readonly identityKey: string | Buffer;

  constructor(private readonly settings: RedactSettings) {
    this.identityKey = settings.hmacKey ?? randomBytes(KEY_BYTES);
  }

  /** @throws when the user's censor throws; what it threw may quote the secret, so only its name is told */
  censor(value: unknown, path: readonly string[]): Json {
    const { censor } = this.settings;
    if (typeof censor !== 'function') return this.withDigest(censor, value, this.settings.hmacKey);
    let result: unknown;
    try {
      result = censor(value, [...path]);
    } catch (thrown) {
      throw new Error(
        `Option 'redact.censor' threw ${thrown instanceof Error ? thrown.name : typeof thrown}.`,
      );
    }
    return asJson(result);
  }

  /** Who or what an app names: two of them stay two. @throws when the user's censor throws */
  identity(text: string): Json {
    const { censor } = this.settings;
    if (typeof censor === 'function') return this.censor(text, []);
    return this.withDigest(censor, text, this.identityKey);
  }

  private withDigest(mask: string, value: unknown, key: string | Buffer | null): string {
    const digest = this.digest(value, key);
    if (digest === null) return mask;
    return mask.endsWith(']') ? `${mask.slice(0, -1)}:${digest}]` : `${mask}:${digest}`;
  }

  /** The mask inside of a URL has no brackets, so that the URL stays a valid URI. */
  inUrl(value: string): string {
    const digest = this.digest(value, this.settings.hmacKey);
    return digest === null ? URL_MASK : `${URL_MASK}-${digest}`;
  }

  private digest(value: unknown, key: string | Buffer | null): string | null {
    if (key === null) return null;
    return createHmac('sha256', key).update(textOf(value)).digest('hex').slice(0, DIGEST_CHARS);
  }
}
