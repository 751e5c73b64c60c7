/**
 * What is used of mongoose and its driver, as far as mongoose 8 and 9 agree: their own types differ by major, and the
 * app's copy need not be ours.
 */
export type State = Readonly<Record<string, unknown>>;
export type Options = Readonly<Record<string, unknown>>;

export interface Session {
  /** Another object for every transaction. */
  readonly transaction: object;
  inTransaction(): boolean;
  startTransaction(...args: unknown[]): unknown;
  commitTransaction(...args: unknown[]): Promise<unknown>;
  abortTransaction(...args: unknown[]): Promise<unknown>;
  once(event: 'ended', listener: () => void): unknown;
}

export interface NativeCollection {
  readonly bsonOptions?: { readonly ignoreUndefined?: boolean };
  find(filter: State, options: Options): RawCursor;
}

export interface RawCursor extends AsyncIterable<Uint8Array> {
  readBufferedDocuments(): Uint8Array[];
}

/** Mongoose's wrapper around the driver's collection, one for each name and connection. */
export interface MongooseCollection {
  readonly collectionName: string;
  readonly conn: {
    readonly db?: { collection(name: string): NativeCollection };
    readonly base: { readonly mongo: { readonly BSON: unknown } };
  };
  readonly buffer?: boolean;
  _shouldBufferCommands?(): boolean;
}

export interface MongooseModel {
  readonly modelName: string;
  readonly collection: MongooseCollection;
  readonly prototype: object;
  readonly schema: MongooseSchema;
  readonly discriminators?: Readonly<Record<string, MongooseModel>>;
}

export interface MongooseSchema {
  readonly base?: { readonly connections?: readonly { readonly models: Record<string, MongooseModel> }[] };
  readonly discriminatorMapping?: {
    readonly key: string;
    readonly value: unknown;
    readonly isRoot: boolean;
  };
  readonly paths: Readonly<Record<string, SchemaPath>>;
  /** Of the items of lists, `list.$`. */
  readonly subpaths?: Readonly<Record<string, SchemaPath>>;
  readonly discriminators?: Readonly<Record<string, MongooseSchema>> | null;
  _clone?(...args: unknown[]): MongooseSchema;
  on(event: 'init', listener: (model: MongooseModel) => void): unknown;
}

export interface SchemaPath {
  readonly options?: { readonly select?: unknown };
  readonly schema?: MongooseSchema;
}

/** A document of mongoose, by what is read of it. */
export interface LoadedDocument {
  readonly _doc: State;
  readonly $__?: { readonly selected?: object };
  $session(): Session | null | undefined;
  $__getValue(path: string): unknown;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;

export function sessionOf(options: unknown): Session | null {
  const session = isObject(options) ? options.session : null;
  return isObject(session) && typeof session.inTransaction === 'function'
    ? (session as unknown as Session)
    : null;
}

export function toOptions(options: unknown): Options {
  return isObject(options) ? options : {};
}
