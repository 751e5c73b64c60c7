import type { Json } from '../../event';
import type { RedactSettings } from '../../options';
import { KeyRule } from './keys';
import { Mask } from './mask';
import { compilePaths } from './paths';
import { PlainUrls } from './plain-urls';
import { Redaction, type Rules } from './redact';
import { RepeatedHeaders } from './repeated';

/** The same questions where secrets are recorded on purpose (`dangerouslyRecordSecrets`). */
class NoRedaction extends Redaction {
  override hides(): boolean {
    return false;
  }
  override isNamed(): boolean {
    return false;
  }
  override isSecretKey(): boolean {
    return false;
  }
  override isSecretText(): boolean {
    return false;
  }
  override isSecretForm(): boolean {
    return false;
  }
  override name(name: string): string {
    return name;
  }
  override text(text: string): Json {
    return text;
  }
  override identity(text: string): Json {
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
  const keys = new KeyRule(settings.keys);
  const rules: Rules = {
    keys,
    keyNames: new Map(),
    plainUrls: new PlainUrls(keys),
    mask: new Mask(settings),
    paths: compilePaths(settings.paths),
    repeated: new RepeatedHeaders(),
  };
  return () => (recordSecrets ? new NoRedaction(rules) : new Redaction(rules));
}
