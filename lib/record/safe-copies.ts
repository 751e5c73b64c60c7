import { AuditError, type Reporter } from '../errors';
import { escapeText, unescapeText } from '../escape';
import type { AuditEvent, EventError, Json, ObjectRef } from '../event';
import type { Settings } from '../options';
import { toEventError } from './failure';
import { Normaliser, type SectionOptions } from './normalise';
import { toObject } from './object';
import type { Redaction } from './redact/redact';
import { isSecretStart } from './redact/values';
import { type MatchedRoute, namesIn, routeOf } from './route';
import { LONGEST_SHORT_TEXT, shortText } from './short-text';

const MASKED = '[REDACTED]';
const MASKED_TARGET = '/REDACTED';

export interface SafeCopiesParts {
  readonly settings: Settings;
  readonly reporter: Reporter;
  readonly createRedaction: () => Redaction;
}

/**
 * The redacted, normalised copies that make up one event. What cannot be copied, or redacted because a censor
 * of the user's throws, is masked as a whole and reported: the event itself is never lost for it.
 */
export class SafeCopies {
  private readonly redaction: Redaction;
  private readonly normaliser: Normaliser<ReturnType<Redaction['open']>>;

  constructor(private readonly parts: SafeCopiesParts) {
    this.redaction = parts.createRedaction();
    this.normaliser = new Normaliser(parts.settings.limits, this.redaction);
  }

  /** Paths of what was cut. */
  get truncated(): readonly string[] {
    return this.normaliser.truncated;
  }

  noteCut(path: string): void {
    const { truncated } = this.normaliser;
    if (!truncated.includes(path)) truncated.push(path);
  }

  section(name: string, value: unknown, options?: SectionOptions): Json {
    if (value === null || value === undefined) return null;
    return this.masking(name, MASKED, () => {
      const isSecret = name !== 'headers' && this.redaction.isSecretForm(name, value);
      const visible = isSecret ? this.redaction.censor(value, [name]) : value;
      return this.normaliser.section(name, visible, options);
    });
  }

  labels(labels: Readonly<Record<string, string | number>>): AuditEvent['labels'] {
    if (Object.keys(labels).length === 0) return {};
    const copied = this.section('labels', labels);
    return typeof copied === 'object' && copied !== null ? (copied as AuditEvent['labels']) : {};
  }

  error(error: unknown): EventError | null {
    if (error === null || error === undefined) return null;
    const masked = { name: 'Error', message: MASKED, code: null };
    const copied = this.section(
      'error',
      this.masking('error', masked, () => this.describe(error)),
    );
    return typeof copied === 'object' ? (copied as unknown as EventError) : masked;
  }

  private describe(error: unknown): EventError {
    return toEventError(error, this.redaction);
  }

  text(name: string, text: string | null): string | null {
    if (text === null) return null;
    const visible = this.masking(name, MASKED, () => this.redaction.text(text, []));
    return typeof visible === 'string' ? escapeText(visible) : MASKED;
  }

  /** A name or an id, of which a secret may be cut already. @param stored as `shortText` gives it */
  identity(name: string, stored: string): string {
    const visible = this.masking(name, MASKED, () => {
      const text = unescapeText(stored);
      return this.redaction.identity(text, text.length >= LONGEST_SHORT_TEXT && isSecretStart(text));
    });
    return typeof visible === 'string' ? shortText(visible) : MASKED;
  }

  /** @param secrets values of route parameters whose names are secrets */
  target(target: string, secrets: readonly string[]): string {
    return this.masking('url', MASKED_TARGET, () => this.redaction.url(target, secrets));
  }

  /** Parameters that are secrets by their names or looks are neither an object's id nor left in the url. */
  route({ mount, pattern, object, params }: MatchedRoute) {
    const names = Object.keys(params).filter((name) => this.redaction.isSecretKey(name));
    const secrets = names.map((name) => params[name] ?? '');
    const shown = new Set(names.length === 0 ? [] : namesIn(`${mount}${pattern ?? ''}`));
    // only what the mount does not name: else a client could hide any part of its route
    const unnamed = names.filter((name) => !shown.has(name)).map((name) => params[name] ?? '');
    const isSecret = ({ id }: ObjectRef): boolean => secrets.includes(id) || this.redaction.isSecretText(id);
    return {
      route: pattern === null ? null : escapeText(routeOf(mount && this.target(mount, unnamed), pattern)),
      object:
        object === null || this.masking('object', true, () => isSecret(object)) ? null : toObject(object),
      secrets,
    };
  }

  private masking<T>(name: string, masked: T, attempt: () => T): T {
    try {
      return attempt();
    } catch (cause) {
      const message = `Section '${name}' could not be redacted; it is masked as a whole.`;
      this.parts.reporter.error(new AuditError('AUDIT_CAPTURE_FAILED', message, { cause }));
      return masked;
    }
  }
}
