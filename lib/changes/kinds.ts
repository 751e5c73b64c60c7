import type { MongooseModel, MongooseSchema } from './driver';
import { type Known, stateOf } from './snapshot';

/** How the changes of one model's documents are recorded. */
export interface Kind {
  readonly type: string;
  readonly masked: readonly string[];
  readonly maxDocuments: number;
  readonly maxBytes: number;
}

export interface ChangesSettings {
  readonly type: string | null;
  readonly omit: readonly string[];
  readonly maxDocuments: number;
  readonly maxBytes: number;
}

interface Discriminated {
  readonly key: string;
  readonly value: unknown;
  readonly kind: Kind;
}

/** What lives in one collection: a model, and its discriminators, told apart by their key. */
export class Kinds {
  private base: Kind | null = null;
  private readonly discriminated: Discriminated[] = [];

  /** The first to name a kind wins: a discriminator's own options come before those of its base. */
  add(model: MongooseModel, settings: ChangesSettings): void {
    const mapping = model.schema.discriminatorMapping;
    const kind = describe(model, settings);
    if (mapping === undefined || mapping.isRoot) this.base ??= kind;
    else if (!this.discriminated.some(({ key, value }) => key === mapping.key && value === mapping.value))
      this.discriminated.push({ key: mapping.key, value: mapping.value, kind });
  }

  /** Null for documents that nobody asked to record: those beside a discriminator that has the plugin alone. */
  of(known: Known): Kind | null {
    if (this.discriminated.length === 0) return this.base;
    const state = stateOf(known);
    return this.discriminated.find(({ key, value }) => state[key] === value)?.kind ?? this.base;
  }

  /** For what is counted only. */
  get any(): Kind | null {
    return this.base ?? this.discriminated[0]?.kind ?? null;
  }

  get maxDocuments(): number {
    const all = [this.base, ...this.discriminated.map(({ kind }) => kind)];
    return Math.max(1, ...all.map((kind) => kind?.maxDocuments ?? 1));
  }
}

function describe(model: MongooseModel, settings: ChangesSettings): Kind {
  const { maxDocuments, maxBytes, omit } = settings;
  const type = settings.type ?? model.collection.collectionName;
  let masked: readonly string[] | undefined;
  return {
    type,
    maxDocuments,
    maxBytes,
    /** Known by the first write: discriminators of sub-documents may come after the model. */
    get masked() {
      masked ??= [...new Set([...omit, ...unselectedPaths(model.schema)])];
      return masked;
    },
  };
}

/** Paths with select:false. Below a schema within itself they are at any depth. */
function unselectedPaths(schema: MongooseSchema): string[] {
  const below = (prefix: string, loop: MongooseSchema): string[] =>
    walk(loop, { prefix: `${prefix}**.`, above: [], below: () => [] });
  return walk(schema, { prefix: '', above: [], below });
}

interface Walk {
  readonly prefix: string;
  readonly above: readonly MongooseSchema[];
  /** Of a schema that is among those above. */
  readonly below: (prefix: string, loop: MongooseSchema) => string[];
}

/** Those of sub-documents, in lists of lists and of all their discriminators too, with the path to them. */
function walk(schema: MongooseSchema, { prefix, above, below }: Walk): string[] {
  if (above.includes(schema)) return below(prefix, schema);
  const schemas = [...above, schema];
  return Object.entries({ ...schema.paths, ...schema.subpaths }).flatMap(
    ([path, { options, schema: inner }]) => {
      // items of lists need no step, and `$*` stands for any key of a Map
      const full = `${prefix}${path}`.replace(/\.\$(?=\.|$)/g, '').replaceAll('$*', '*');
      if (options?.select === false) return [full];
      if (inner === undefined) return [];
      const forms = [inner, ...Object.values(inner.discriminators ?? {})];
      return forms.flatMap((form) => walk(form, { prefix: `${full}.`, above: schemas, below }));
    },
  );
}
