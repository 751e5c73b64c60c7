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
  const masked = [...new Set([...omit, ...unselectedPaths(model.schema)])];
  return { type: settings.type ?? model.collection.collectionName, masked, maxDocuments, maxBytes };
}

/** Paths with select:false, those of sub-documents with the path to them; a schema within itself is seen once. */
function unselectedPaths(schema: MongooseSchema, prefix = '', above: readonly unknown[] = []): string[] {
  if (above.includes(schema)) return [];
  return Object.entries(schema.paths).flatMap(([path, { options, schema: inner }]) => {
    // `$*` stands for any key of a Map
    const full = `${prefix}${path}`.replaceAll('$*', '*');
    if (options?.select === false) return [full];
    return inner === undefined ? [] : unselectedPaths(inner, `${full}.`, [...above, schema]);
  });
}
