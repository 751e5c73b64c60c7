import { z } from 'zod';

/**
 * Where what is recorded is safe, and when: `memory` after the response, in a bounded queue; `spool` before the first
 * byte of the response, in a file; `strict` before the handler runs, or the request is refused.
 */
export type Durability = 'memory' | 'spool' | 'strict';

export interface SpoolOptions {
  /** Where the files go: on a local file system, never one that machines share. Several processes of a machine may share it. Made when it is missing. At most about 75 bytes, for a socket is held in it. @default none: it must be named where files are kept */
  readonly directory?: string;
  /** Size of all files of one process, what it took over from dead ones included, in bytes; beyond it recording goes on in memory. @default 1073741824 (1 GiB) @minimum 1048576 (1 MiB) */
  readonly maxBytes?: number;
  /** Size of one file, in bytes. @default 16777216 (16 MiB) @minimum 65536 (64 KiB) @maximum 268435456 (256 MiB) */
  readonly segmentBytes?: number;
  /** What a power failure may lose, in milliseconds. @default 100 (0.1 seconds) @maximum 60000 */
  readonly fsyncMs?: number;
  /** Free disk below which nothing is written, and recording goes on in memory, in bytes. @default 1073741824 (1 GiB) */
  readonly minFreeBytes?: number;
  /** @internal What a test lets fail. */
  readonly fs?: object;
}

export interface StrictOptions {
  /** Where an intent is safe: on the disk (fdatasync), or in MongoDB (a majority, journalled). @default 'disk' */
  readonly at?: 'disk' | 'mongo';
  /** Requests of these methods wait. @default all but GET, HEAD, OPTIONS and TRACE, the safe ones (RFC 9110, 9.2.1) */
  readonly methods?: readonly string[];
  /** Longest wait for an intent, in milliseconds; then 503. @default 5000 (5 seconds) @maximum 60000 */
  readonly timeoutMs?: number;
}

const integer = (minimum: number, maximum: number, fallback: number) => {
  const rule = `must be an integer from ${minimum} to ${maximum}`;
  return z.int(rule).min(minimum, rule).max(maximum, rule).default(fallback);
};
const MOST = Number.MAX_SAFE_INTEGER;
const GIB = 1024 ** 3;
const METHOD_RULE = 'must be a list of methods, like POST';
const methods = z
  .array(z.string(METHOD_RULE).regex(/^[A-Za-z-]+$/, METHOD_RULE), METHOD_RULE)
  .min(1, METHOD_RULE);

/** The options of durability, as members of the others. */
export const durabilityShape = {
  durability: z.enum(['memory', 'spool', 'strict'], 'must be memory, spool or strict').default('memory'),
  spool: z
    .strictObject(
      {
        directory: z.string('must be a path').min(1, 'must be a path').nullable().default(null),
        maxBytes: integer(1024 ** 2, MOST, GIB),
        segmentBytes: integer(64 * 1024, 256 * 1024 ** 2, 16 * 1024 ** 2),
        fsyncMs: integer(1, 60_000, 100),
        minFreeBytes: integer(0, MOST, GIB),
        fs: z.custom<object>((value) => typeof value === 'object').optional(),
      },
      'must be an object',
    )
    .prefault({}),
  strict: z
    .strictObject(
      {
        at: z.enum(['disk', 'mongo'], 'must be disk or mongo').default('disk'),
        methods: methods
          .transform((names) => new Set(names.map((name) => name.toUpperCase())))
          .nullable()
          .default(null),
        timeoutMs: integer(1, 60_000, 5_000),
      },
      'must be an object',
    )
    .prefault({}),
};

export const DURABILITY_NAMES = {
  spool: ['directory', 'maxBytes', 'segmentBytes', 'fsyncMs', 'minFreeBytes'],
  strict: ['at', 'methods', 'timeoutMs'],
} as const;

type Chosen = { readonly [name in keyof typeof durabilityShape]: z.output<(typeof durabilityShape)[name]> };

/** Whether files are kept: `strict` in MongoDB does so where it is given a directory. */
export function spoolDirectory({ durability, spool }: Chosen): string | null {
  return durability === 'memory' ? null : spool.directory;
}

/** What a level lacks, as the end of a sentence about option `spool.directory`; null where nothing is. */
export function missingDirectory({ durability, spool, strict }: Chosen): string | null {
  if (spool.directory !== null || durability === 'memory') return null;
  if (durability === 'spool') return "durability 'spool' keeps files";
  return strict.at === 'disk' ? "durability 'strict' keeps files, but for strict.at 'mongo'" : null;
}
