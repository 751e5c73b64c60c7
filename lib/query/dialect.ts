import type { z } from 'zod';
import type { StoredEvent } from '../event';
import type { AuditEventFilter, Page, Position, Sort } from './filter';

/** Who reads, and what of the trail that one may see. */
export interface Reader {
  readonly id: string;
  readonly email?: string | undefined;
  /** What some APIs ask for, like `base.organization.audit.list`. */
  readonly permissions?: readonly string[] | undefined;
  /** `'*'` for all, or a list; a reader whose list is empty or absent sees nothing. */
  readonly tenants?: '*' | readonly string[] | undefined;
  /** `'no-payload'` hides bodies, headers and states (before, after, diff). @default all fields */
  readonly fields?: 'no-payload' | undefined;
}

/** Why a query was not answered. What is written here is for everybody to read. */
export interface Problem {
  readonly status: 400 | 401 | 403 | 404 | 405 | 500 | 503 | 504;
  readonly message: string;
  /** The parameter that is wrong. */
  readonly parameter?: string;
  /** Of a 401: nothing of the API's scheme was sent, or what was sent is nobody's. */
  readonly credential?: 'missing' | 'invalid';
}

/** What an error's body may tell besides the problem. */
export interface ProblemContext {
  /** As on the request's own event: the header `X-Request-Id` if it is sane. */
  readonly requestId: string;
  readonly timestamp: Date;
}

/** A parameter's values by name: one each, a list of them where the API allows it to be repeated. */
export type Parameters = ReadonlyMap<string, string | readonly string[]>;

/** What a client asked for, in terms of the store. */
export interface ListQuery {
  readonly filter: AuditEventFilter;
  readonly sort: Sort;
  readonly page: Page;
}

/** One page of a list that is walked by cursors, in the order of creation time. */
export interface CursorQuery {
  readonly filter: AuditEventFilter;
  readonly descending: boolean;
  readonly limit: number;
  /** The cursor that was given, and by which parameter; null where the walk begins. */
  readonly cursor: {
    readonly parameter: string;
    readonly text: string;
    readonly side: Position['side'];
  } | null;
}

/** Links of one list: absolute, with every other parameter kept. */
export interface Links {
  /** The requested URL with parameters set, or removed where the value is null. */
  with(parameters: Readonly<Record<string, string | null>>): string;
}

export interface Rendered {
  readonly events: readonly StoredEvent[];
  readonly contentTypes: ReadonlyMap<string, number>;
  /** What option `organizationInfo` says of the tenant in the path, else its id; null where no tenant is in it. */
  readonly organization: Readonly<Record<string, unknown>> | null;
}

export interface ListResult extends Rendered {
  readonly count: number;
  readonly query: ListQuery;
  readonly links: Links;
}

export interface SliceResult extends Rendered {
  readonly query: ListQuery;
}

export interface CursorResult extends Rendered {
  readonly query: CursorQuery;
  /** Opaque; null at the ends. */
  readonly cursors: { readonly before: string | null; readonly after: string | null };
}

export interface DetailResult {
  readonly event: StoredEvent;
  readonly contentTypes: ReadonlyMap<string, number>;
}

interface ListParameters {
  /** One schema a parameter, in the order of the documentation: they parse the requests and make the OpenAPI. */
  readonly parameters: z.ZodRawShape;
  /** Which of them may be given more than once; their schemas are arrays. @default none */
  readonly repeatable?: readonly string[];
  /** Of an answer; documentation only. */
  readonly answer: z.ZodType;
}

/** A list with a count and pages, by number or by `skip`. */
export interface PagedList extends ListParameters {
  readonly kind: 'pages';
  /** @throws {BadParameter} naming the parameter, the value and what is allowed */
  parse(parameters: Parameters): ListQuery;
  /** The problem of a page past the end, or null where that is an empty list. @default () => null */
  checkPage?(query: ListQuery, count: number): Problem | null;
  render(result: ListResult): unknown;
}

/** A list by `skip` that tells no count, so that none is taken. */
export interface SlicedList extends ListParameters {
  readonly kind: 'slices';
  /** @throws {BadParameter} naming the parameter, the value and what is allowed */
  parse(parameters: Parameters): ListQuery;
  render(result: SliceResult): unknown;
}

/** A list without a count, walked by cursors. */
export interface CursorList extends ListParameters {
  readonly kind: 'cursors';
  /** @throws {BadParameter} naming the parameter, the value and what is allowed */
  parse(parameters: Parameters): CursorQuery;
  render(result: CursorResult): unknown;
}

export type List = PagedList | SlicedList | CursorList;

/** `GET <mount>/{uuid}/`. */
export interface Detail {
  readonly answer: z.ZodType;
  render(result: DetailResult): unknown;
}

/** How the header `Prefer` (RFC 7240) changes a query. */
export interface Preference {
  /** Of the header; documentation only. */
  readonly schema: z.ZodType;
  /**
   * @param header as it was sent
   * @returns the time limit, and the value of `Preference-Applied` or null
   * @throws {BadParameter} for a preference that is malformed
   */
  apply(
    header: string | undefined,
    maxTimeMS: number,
  ): { readonly maxTimeMS: number; readonly applied: string | null };
}

/** A tenant named by the path: the list is narrowed to it, whoever reads. */
export interface TenantInPath {
  readonly parameter: string;
  /** What the mount path ends in, like `/:organizationId/audit`. */
  readonly mount: string;
  readonly schema: z.ZodType<string>;
}

/**
 * One published audit API on the common store: what it calls things, how it writes them. It knows neither HTTP
 * nor MongoDB.
 */
export interface Dialect<Name extends string = string> {
  readonly name: Name;
  /** One sentence for the OpenAPI document. */
  readonly summary: string;
  /** Authentication schemes of the Authorization header (RFC 9110, 11.4), the first one is challenged with. */
  readonly schemes: readonly string[];
  /** Whether the reference writes the list's path with a trailing slash; both are served. */
  readonly hasTrailingSlash: boolean;
  /** Parameters that make a slow query faster, for the message that it took too long. */
  readonly narrowBy: readonly [string, ...string[]];
  /** Permission that a reader needs. @default none */
  readonly permission?: string;
  /** @default no tenant in the path */
  readonly tenant?: TenantInPath;
  /** @default the header is ignored */
  readonly preference?: Preference;
  readonly list: List;
  /** Absent where the API has no detail. */
  readonly detail?: Detail;
  /** Of an error's body; documentation only. */
  readonly problem: z.ZodType;
  renderProblem(problem: Problem, context: ProblemContext): unknown;
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
