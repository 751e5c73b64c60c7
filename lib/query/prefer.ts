import { z } from 'zod';
import { BadParameter, type Preference } from './dialect';
import { quote } from './parameters';

/*
 * The header as RFC 7240, 2 has it: preferences between commas, each with parameters after semicolons; words may be
 * quoted, and commas in quotes separate nothing. Of a preference given twice the first one counts. No two parts of
 * the pattern can match the same text, so that it takes linear time.
 */
const BLANK = '[ \\t]*';
const QUOTED = '"(?:[^"\\\\]|\\\\.)*(?:"|\\\\?$)';
const ANYTHING = `(?:[^",]|${QUOTED})*`;
const NAME = '[Ww][Aa][Ii][Tt]';
const SECONDS = '0*[1-9][0-9]*';
const OTHER = `(?!${BLANK}${NAME}${BLANK}(?:[=;,]|$))${ANYTHING}`;
const WAIT = `${BLANK}${NAME}${BLANK}=${BLANK}(?:(${SECONDS})|"(${SECONDS})")${BLANK}(?:;${ANYTHING})?`;
const PREFER = new RegExp(`^(?:${OTHER},)*(?:${OTHER}|${WAIT}(?:,[\\s\\S]*)?)$`);

/** `Prefer: wait=N`: for how many seconds a client is ready to wait. */
export const waitPreference: Preference = {
  schema: z
    .string()
    .regex(PREFER)
    .meta({
      description:
        'wait=N, N an integer above 0: the time limit of the query in seconds (RFC 7240). Other preferences are ignored.',
      examples: ['wait=10'],
    }),
  apply(header, maxTimeMS) {
    if (header === undefined) return { maxTimeMS, applied: null };
    const match = PREFER.exec(header);
    if (match === null)
      throw new BadParameter(
        'Prefer',
        `wait must be an integer of seconds above 0, like wait=10. Received ${quote(header)}.`,
      );
    const [, plain, quoted] = match;
    const seconds = plain ?? quoted;
    if (seconds === undefined) return { maxTimeMS, applied: null };
    const limit = Math.min(Number(seconds) * 1_000, maxTimeMS);
    // whole seconds are all that the header can say
    return { maxTimeMS: limit, applied: `wait=${Math.ceil(limit / 1_000)}` };
  },
};
