import type { Request } from 'express';
import type { StoredEvent } from '../event';
import type { AuditEventFilter, Page, Sort } from './filter';

/** Who reads, and what of the trail that one may see. */
export interface Reader {
  readonly id: string;
  readonly email?: string | undefined;
  readonly permissions?: readonly string[] | undefined;
  /** `'*'` for all, or a list; a reader whose list is empty or absent sees nothing. */
  readonly tenants?: '*' | readonly string[] | undefined;
}

/** Why a query was not answered. What is written here is for everybody to read. */
export interface Problem {
  readonly status: 400 | 401 | 403 | 404 | 405 | 500 | 503 | 504;
  readonly message: string;
  /** The parameter that is wrong. */
  readonly parameter?: string;
}

/** What a client asked for, in terms of the store. */
export interface ListQuery {
  readonly filter: AuditEventFilter;
  readonly sort: Sort;
  readonly page: Page;
}

/** Links of one list: absolute, with every other parameter kept. */
export interface Links {
  /** The requested URL with parameters set, or removed where the value is null. */
  with(parameters: Readonly<Record<string, string | null>>): string;
}

export interface ListResult {
  readonly events: readonly StoredEvent[];
  readonly count: number;
  readonly query: ListQuery;
  readonly contentTypes: ReadonlyMap<string, number>;
  readonly links: Links;
}

export interface DetailResult {
  readonly event: StoredEvent;
  readonly contentTypes: ReadonlyMap<string, number>;
}

/** A parameter's values by name, each given once. */
export type Parameters = ReadonlyMap<string, string>;

/**
 * One published audit API on the common store: what it calls things, how it writes them. It knows neither HTTP
 * nor MongoDB.
 */
export interface Dialect {
  readonly name: string;
  /** Authentication schemes of the Authorization header (RFC 9110, 11.4), the first one is challenged with. */
  readonly schemes: readonly string[];
  /** Names of all parameters of the list. */
  readonly parameters: readonly string[];
  /** @throws {BadParameter} naming the parameter, the value and what is allowed */
  parseList(parameters: Parameters): ListQuery;
  /** The problem of a page past the end, or null where that is an empty list. */
  checkPage(query: ListQuery, count: number): Problem | null;
  renderList(result: ListResult): unknown;
  /** Absent where the API has no detail. */
  renderDetail?(result: DetailResult): unknown;
  renderProblem(problem: Problem, req: Request): unknown;
}

/** Bad data from a client: told to the client, never reported as trouble. */
export class BadParameter extends Error {
  override readonly name = 'BadParameter';

  constructor(
    readonly parameter: string,
    message: string,
  ) {
    super(message);
  }
}
