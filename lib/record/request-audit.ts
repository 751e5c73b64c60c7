import type { Action } from '../event';
import type { AssociationName, EventName, ObjectType } from '../names';
import type { UserInput } from '../options';
import type { Notes } from './notes';

/** What something is about; ids of any kind are stored as strings. */
export interface ObjectInput {
  readonly type: ObjectType;
  readonly id: string | number | bigint | object;
}

/** A change that the application tells by hand: at least one of its states is an object. */
export interface ChangeInput extends ObjectInput {
  readonly before?: object | null;
  readonly after?: object | null;
}

/**
 * `req.audit`: what a handler may say about the event of its own request. Every call returns the same object,
 * so that calls can be chained; the last one for a field wins.
 *
 * @throws {TypeError} each method, on a wrong argument, unless NODE_ENV is `production`
 */
export interface RequestAudit {
  /** The event's uuid, as in the response header `X-Audit-Id`. */
  readonly id: string;
  /** The app's own verb, like `UserInvited`, instead of `METHOD route`. */
  name(name: EventName): this;
  action(action: Action): this;
  /** What the request is about; ids of any kind are stored as strings. */
  object(type: ObjectType, id: string | number | bigint | object): this;
  /** Who sent it, where `option user` cannot know (a login). Null forgets what is known. */
  user(user: UserInput | string | number | null): this;
  /** Whom the user stands in for. */
  onBehalfOf(user: UserInput | string | number | null): this;
  tenant(tenant: string | null): this;
  /** Free details: anything JSON can hold, redacted and normalised like a body. */
  content(content: unknown): this;
  /** Added to the labels of `option labels`. */
  labels(labels: Readonly<Record<string, string | number>>): this;
  /** Why the request failed, where no error reaches `audit.errors()`. */
  error(error: unknown): this;
  /**
   * Records what has changed, where no plugin sees it: without `before` it was created, without `after` deleted. The
   * states are redacted and normalised like a body, and told apart member by member. Also after the response.
   */
  change(change: ChangeInput): this;
  /** Records that the request's object was tied to another one, as an event of its own. */
  associated(name: AssociationName, other: ObjectInput): this;
  /** Records that the request's object was parted from another one, as an event of its own. */
  disassociated(name: AssociationName, other: ObjectInput): this;
  /** Leaves this request out of the trail; what it changes stays in. */
  skip(): this;
}

declare global {
  namespace Express {
    interface Request {
      /** Set by `audit.middleware()`. */
      audit: RequestAudit;
    }
  }
}

/** Where the calls go. */
export interface NoteTaker {
  note(name: keyof Notes, value: unknown): void;
  /** Also when the request is over. @param call as its caller wrote it */
  change(call: string, name: 'change' | 'association', value: unknown): void;
  skip(): void;
}

/** A handler may call where recording failed. */
const NOBODY: NoteTaker = { note: () => {}, change: () => {}, skip: () => {} };

export class RequestNotes implements RequestAudit {
  #taker: NoteTaker = NOBODY;
  readonly #outer: unknown;

  /** @param outer what `req.audit` was: another audit may record the same request */
  constructor(
    readonly id: string,
    outer: unknown,
  ) {
    this.#outer = outer;
  }

  static attach(notes: RequestNotes, taker: NoteTaker): void {
    notes.#taker = taker;
  }

  /**
   * The notes of a request whose taker fulfils a condition, with that taker. Kept here rather than in a WeakMap by
   * request: a map that lives long keeps young values alive, and with them whole requests, until the next full
   * garbage collection.
   */
  static find<T extends NoteTaker>(
    audit: unknown,
    condition: (taker: NoteTaker) => taker is T,
  ): { readonly notes: RequestNotes; readonly taker: T } | undefined {
    let notes = audit;
    while (notes instanceof RequestNotes && #taker in notes) {
      const taker = notes.#taker;
      if (condition(taker)) return { notes, taker };
      notes = notes.#outer;
    }
    return undefined;
  }

  #note(name: keyof Notes, value: unknown): this {
    this.#taker.note(name, value);
    return this;
  }

  // each gives a function of its own, so that one may be taken off the object: promise.catch(req.audit.error)
  get name(): (name: EventName) => this {
    return (name) => this.#note('name', name);
  }

  get action(): (action: Action) => this {
    return (action) => this.#note('action', action);
  }

  get object(): (type: ObjectType, id: string | number | bigint | object) => this {
    return (type, id) => this.#note('object', { type, id });
  }

  get user(): (user: UserInput | string | number | null) => this {
    return (user) => this.#note('user', user);
  }

  get onBehalfOf(): (user: UserInput | string | number | null) => this {
    return (user) => this.#note('onBehalfOf', user);
  }

  get tenant(): (tenant: string | null) => this {
    return (tenant) => this.#note('tenant', tenant);
  }

  get content(): (content: unknown) => this {
    return (content) => this.#note('content', content);
  }

  get labels(): (labels: Readonly<Record<string, string | number>>) => this {
    return (labels) => this.#note('labels', labels);
  }

  get error(): (error: unknown) => this {
    return (error) => this.#note('error', error);
  }

  get change(): (change: ChangeInput) => this {
    return (change) => {
      this.#taker.change('req.audit.change', 'change', change);
      return this;
    };
  }

  get associated(): (name: AssociationName, other: ObjectInput) => this {
    return (name, other) => {
      const association = { name, change: 'associated', with: other };
      this.#taker.change('req.audit.associated', 'association', association);
      return this;
    };
  }

  get disassociated(): (name: AssociationName, other: ObjectInput) => this {
    return (name, other) => {
      const association = { name, change: 'disassociated', with: other };
      this.#taker.change('req.audit.disassociated', 'association', association);
      return this;
    };
  }

  get skip(): () => this {
    return () => {
      this.#taker.skip();
      return this;
    };
  }
}

/** In production a wrong call is reported and forgotten; a programmer at a desk learns of it at once. */
export function isProduction(): boolean {
  return process.env.NODE_ENV === 'production';
}
