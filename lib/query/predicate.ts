import { z } from 'zod';

export type Predicate = 'eq' | '~eq' | 'neq' | 'gt' | 'gte' | 'lt' | 'lte';

/** How a column is compared, and with what. */
export interface Comparand<P extends Predicate, T> {
  readonly predicate: P;
  readonly value: T;
}

const PREFIX = /^(~?eq|neq|gte?|lte?):/;

/** What a document says of such a parameter. */
type Documentation = Readonly<Record<string, unknown>>;

/**
 * A value behind a predicate like `neq:`, or alone for equality. A predicate that the column does not take is an
 * error; any other text with colons is a value.
 */
export function predicateParameter<const P extends Predicate, T>(
  predicates: readonly ['eq', ...P[]],
  value: z.ZodType<T, string>,
  documentation: Documentation,
) {
  const taken: readonly string[] = predicates;
  const isTaken = (predicate: string): predicate is 'eq' | P => taken.includes(predicate);
  return z
    .string()
    .meta({ description: `Predicates: ${taken.join(', ')}; eq where there is none.`, ...documentation })
    .transform((text, context): Comparand<'eq' | P, T> => {
      const [prefix = '', predicate = 'eq'] = PREFIX.exec(text) ?? [];
      const fail = (message: string): never => {
        context.issues.push({ code: 'custom', message, input: text });
        return z.NEVER;
      };
      if (!isTaken(predicate))
        return fail(
          `Takes the predicates ${taken.join(', ')}, not ${predicate}${taken.includes('~eq') ? `; eq:${prefix} compares with that text` : ''}.`,
        );
      const result = value.safeParse(text.slice(prefix.length));
      if (!result.success) return fail(result.error.issues[0]?.message ?? 'Not valid.');
      return { predicate, value: result.data };
    });
}
