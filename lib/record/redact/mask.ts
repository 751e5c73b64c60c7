import { createHmac } from 'node:crypto';
import type { Json } from '../../event';
import type { RedactSettings } from '../../options';

const URL_MASK = 'REDACTED';
const DEFAULT_MASK = '[REDACTED]';
const DIGEST_CHARS = 16;

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
  constructor(private readonly settings: RedactSettings) {}

  /** @throws when the user's censor throws; what it threw may quote the secret, so only its name is told */
  censor(value: unknown, path: readonly string[]): Json {
    const { censor } = this.settings;
    if (typeof censor !== 'function') return this.withDigest(censor, value);
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

  private withDigest(mask: string, value: unknown): string {
    const digest = this.digest(value);
    if (digest === null) return mask;
    return mask.endsWith(']') ? `${mask.slice(0, -1)}:${digest}]` : `${mask}:${digest}`;
  }

  /** The mask inside of a URL has no brackets, so that the URL stays a valid URI. */
  inUrl(value: string): string {
    const digest = this.digest(value);
    return digest === null ? URL_MASK : `${URL_MASK}-${digest}`;
  }

  private digest(value: unknown): string | null {
    const { hmacKey } = this.settings;
    if (hmacKey === null) return null;
    return createHmac('sha256', hmacKey).update(textOf(value)).digest('hex').slice(0, DIGEST_CHARS);
  }
}
