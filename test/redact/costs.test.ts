import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { parseOptions } from '../../lib/options';
import type { Redaction } from '../../lib/record/redact/redact';
import { createRedactor } from '../../lib/record/redact/redactor';
import { decodePercent } from '../../lib/record/redact/text';

const createRedaction = createRedactor(parseOptions({ mongo: 'mongodb://localhost/x' }).redact, false);
/** Several times what any of these takes on a busy machine, and a fraction of what it took once. */
const LONGEST_MS = 10_000;

function repeat(unit: string, size: number): string {
  return unit.repeat(Math.ceil(size / unit.length)).slice(0, size);
}

/** Throws where it takes longer than that. */
function search(look: (redaction: Redaction) => unknown): void {
  const task = () => void look(createRedaction());
  runInNewContext('task()', { task }, { timeout: LONGEST_MS });
}

/** Parts with as many equals signs as a name that is encoded may have. */
const inParts = (unit: string, size: number): string => repeat(`${unit.repeat(1_100 / unit.length)}&`, size);

describe('the search for secrets takes time in proportion to the size of', () => {
  it.each<[string, string]>([
    ['ligatures that NFKC makes long', `a=1&${inParts('\uFDFA=', 300_000)}`],
    ['ligatures beside the name of a secret', `name=password&${inParts('\uFDFA=', 300_000)}`],
    ['ligatures in values', repeat('a=\uFDFA&', 200_000)],
    ['names that nearly are secrets', `a=1&${inParts('author=', 300_000)}`],
    ['names that nearly are secrets beside one', `name=password&${inParts('author=', 200_000)}`],
    ['fractions', `a=1&${inParts('½=', 300_000)}`],
    ['characters that are not seen, and blanks', `{${repeat('\u200b ', 1_000_000)}`],
    ['words before commas', repeat('a, ', 1_000_000)],
    ['the fields of an event stream', repeat('data:\n', 1_000_000)],
    ['JSON in queries', `https://h/?${repeat('{"a":"https://h/?', 500_000)}`],
    ['pairs without a value', repeat('=', 1_000_000)],
    ['broken escapes in URLs in loose JSON', `{%[0]${repeat('.name=http://%', 700_000)}`],
    ['broken escapes in URLs in a query', `1e9?${repeat('%25=//%C3', 800_000)}`],
  ])('a text of %s', (_, text) => {
    search((redaction) => redaction.text(text, ['postData']));
  });

  it.each<[string, string]>([
    ['fractions', `https://h/?${inParts('½=', 300_000)}`],
    ['percent signs as values', `/?${inParts('=%', 1_000_000)}`],
    ['percent signs as segments', `/${repeat('%/', 2_000_000)}`],
    ['percent signs in parts', `/?${repeat('a=%&', 2_400_000)}`],
  ])('a URL of %s', (_, url) => {
    search((redaction) => redaction.url(url));
    search((redaction) => redaction.text(url, ['headers', 'referer']));
  });

  it.each<[string, string, string]>([
    ['short ones', repeat('ab/', 200_000), repeat('cd/', 200_000)],
    ['distinct ones', repeat('abc/', 200_000), Array.from({ length: 30_000 }, (_, i) => `x${i}`).join('/')],
    ['long ones', `${repeat('a', 500_000)}/x`, `b${repeat('a', 100_000)}/${repeat('a', 100_000)}b`],
  ])('a path and the secrets among its parameters: %s', (_, path, secret) => {
    search((redaction) => redaction.url(`/${path}`, [secret]));
  });
});

describe('a path', () => {
  it('is masked as a whole where a wildcard parameter is a secret of very many parts', () => {
    const parts = Array.from({ length: 40 }, (_, i) => `part-${i}`);
    const redaction = createRedaction();
    expect(redaction.url(`/x/${parts.join('/')}?a=1`, [parts.join('/')])).toBe('/REDACTED?a=1');
    expect(redaction.quotesSecret('unknown: part-39')).toBe(true);
  });

  it('hides the parts of a secret parameter wherever they stand, be they short, long or repeated', () => {
    const long = 'n'.repeat(300);
    const path = `/ab/abc/x.xyz.z/${long}/xyz/ab`;
    expect(createRedaction().url(path, [`ab/xyz/${long}/xyz`])).toBe(
      '/REDACTED/abc/REDACTED/REDACTED/REDACTED/REDACTED',
    );
  });
});

describe('the name of a secret in a value', () => {
  it.each([
    ['a=name=password&value=x-1', 'a=name=password&value=REDACTED'],
    ['name=password=&value=x-1', 'name=password=&value=REDACTED'],
    ['b=1&name=pin&value=x-1', 'b=1&name=pin&value=REDACTED'],
    ['value=x-1&name=%70in', 'value=REDACTED&name=%70in'],
    [`name=${'x'.repeat(120)}pin&value=x-1`, `name=${'x'.repeat(120)}pin&value=x-1`],
    [
      `name=${'%C3%A9'.repeat(100)}-password&value=x-1`,
      `name=${'%C3%A9'.repeat(100)}-password&value=REDACTED`,
    ],
  ])('is found where it stands behind the first or last equals sign: %s', (text, redacted) => {
    expect(createRedaction().text(text, ['postData'])).toBe(redacted);
  });
});

describe('percent-decoding', () => {
  it('gives what decodeURIComponent gives where that gives anything', () => {
    const piece = fc.oneof(
      fc.constantFrom('%', '%C3', '%A9', '%E4%BD%A0', '%f0%9f%98%80', '%ED%A0%80', '%EF%BB%BF', '%4', '+'),
      fc.string({ unit: 'binary', maxLength: 3 }),
      fc.string({ unit: 'grapheme', maxLength: 3 }).map(encodeURIComponent),
      fc.integer({ min: 0, max: 255 }).map((byte) => `%${byte.toString(16).padStart(2, '0')}`),
    );
    const property = fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
      const text = pieces.join('');
      const decoded = decodePercent(text);
      try {
        expect(decoded).toBe(decodeURIComponent(text));
      } catch (error) {
        if (!(error instanceof URIError)) throw error;
      }
    });
    fc.assert(property, { numRuns: 4_000 });
  });
});
