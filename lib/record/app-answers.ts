import { types } from 'node:util';
import type { Request, Response } from 'express';
import { AuditError, type Reporter } from '../errors';
import type { Action, Actor } from '../event';
import type { Settings } from '../options';
import { ACTOR_KEYS, isUnknownActor, textOfId, toActor } from './actor';
import { shortText } from './short-text';

type Asked = 'skip' | 'intent' | 'user' | 'tenant' | 'labels' | 'name' | 'action';
type Callback = (req: Request, res: Response) => unknown;

const ACTIONS: ReadonlySet<unknown> = new Set<Action>(['create', 'update', 'delete', 'access']);

/**
 * What the app's own functions (`user`, `tenant`, ...) say of one request. What one throws is reported, and
 * costs its own field only; an answer of a wrong type is none.
 */
export class AppAnswers {
  /** A user is asked for twice a request. */
  private isUserReported = false;

  constructor(
    private readonly settings: Settings,
    private readonly reporter: Reporter,
    private readonly req: Request,
    private readonly res: Response,
  ) {}

  user(): Actor | null {
    return this.ask('user', (answer) => {
      const actor = toActor(answer);
      if (actor === null && isUnknownActor(answer)) this.reportUnknownUser();
      return actor;
    });
  }

  tenant(): string | null {
    return this.ask('tenant', textOfId);
  }

  labels(): Record<string, string | number> {
    const labels = this.ask('labels', (answer) => Object.entries(answer ?? {}));
    if (labels === null) return {};
    const isLabel = ([, value]: [string, unknown]) => typeof value === 'string' || Number.isFinite(value);
    return Object.fromEntries(labels.filter(isLabel));
  }

  name(): string | null {
    return this.ask('name', (answer) =>
      typeof answer === 'string' && answer !== '' ? shortText(answer) : null,
    );
  }

  action(): Action | null {
    return this.ask('action', (answer) => (ACTIONS.has(answer) ? (answer as Action) : null));
  }

  skip(): boolean {
    return this.ask('skip', (answer) => answer === true) ?? false;
  }

  /** @param fallback where the app has no such function */
  intent(fallback: boolean): boolean {
    if (this.settings.intent === null) return fallback;
    return this.ask('intent', (answer) => answer === true) ?? false;
  }

  private ask<T>(option: Asked, read: (answer: unknown) => T): T | null {
    const callback = this.settings[option] as Callback | null;
    if (callback === null) return null;
    try {
      const answer = callback(this.req, this.res);
      if (!types.isPromise(answer)) return read(answer);
      answer.catch(() => {});
      this.report(`Option '${option}' returned a promise; it has to answer at once.`);
    } catch (cause) {
      this.report(`Option '${option}' threw; its field is left empty.`, cause);
    }
    return null;
  }

  private reportUnknownUser(): void {
    if (this.isUserReported) return;
    this.isUserReported = true;
    this.report(`Option 'user' returned an object with none of ${ACTOR_KEYS.join(', ')}; there is no user.`);
  }

  private report(message: string, cause?: unknown): void {
    this.reporter.error(new AuditError('AUDIT_CALLBACK_FAILED', message, { cause }));
  }
}
