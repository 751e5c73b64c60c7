import fc from 'fast-check';
import { parseOptions } from '../../lib/options';
import type { Redaction } from '../../lib/record/redact/redact';
import { createRedactor } from '../../lib/record/redact/redactor';
import { WordSearch } from '../../lib/record/redact/word-search';

const { redact } = parseOptions({
  mongo: 'mongodb://localhost/x',
  redact: { keys: ['vat', 'k$y', 'größe'] },
});
const createRedaction = createRedactor(redact, false);

/** A redaction that looks at every part of every URL. */
function createThorough(): Redaction {
  return Object.assign(createRedaction(), { isPlainUrl: () => false });
}

/** Whatever a part of a URL may be: words, the names of secrets, values that look like one, and structure. */
const piece = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...'/?&=/?&=;#.-_+%@:,~!*() {["'.split('')) },
  {
    weight: 6,
    arbitrary: fc.constantFrom('orders', 'companies', 'shopping', 'a', '42', 'page', 'x1', 'A-b', 'reset'),
  },
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      'name',
      'value',
      'password',
      'pin',
      'userPIN',
      'to-ken',
      'api_Key',
      'VAT',
      'k$y',
    ),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      '4111111111111111',
      '4111-1111-1111-1111',
      'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln',
      'AKIAFAKEFAKEFAKEFAKE',
      'xoxb-0000000000-fake',
      'https://h/',
      '//h/x',
      'u:p@h',
      '%70in',
      'größe',
      '\u200B',
      '\r\n',
    ),
  },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 4 }) },
);
const start = fc.constantFrom(
  '/',
  '/',
  '/x?',
  '/x?a=',
  'https://shop.example.org/',
  'http://h?',
  'http://',
  '',
);
const urls = fc.tuple(start, fc.array(piece, { maxLength: 9 })).map(([head, rest]) => head + rest.join(''));
const secretParameters = fc.constantFrom<readonly string[]>([], [], ['42'], ['orders']);

describe('a URL', () => {
  it('is redacted alike whether or not its parts are looked at one by one', () => {
    const differs = fc.property(urls, secretParameters, (url, secrets) => {
      const thorough = createThorough();
      const quick = createRedaction();
      expect(quick.url(url, secrets)).toBe(thorough.url(url, secrets));
      for (const header of ['referer', 'x-original-url']) {
        const path = ['headers', header];
        expect(quick.text(url, path)).toBe(thorough.text(url, path));
      }
      expect(quick.quotesSecret(url)).toBe(thorough.quotesSecret(url));
    });
    fc.assert(differs, { numRuns: 4_000 });
  });

  it.each([
    '/',
    '/orders/42?expand=lines',
    '/companies/7/shopping?option=insider&author=x,y',
    'https://shop.example.org:8080/orders?page=2',
    'https://token.example.org',
    '/a?b&c=&next=/d/e?f',
  ])('is plain without a secret: %s', (url) => {
    expect(createRedaction().isPlainUrl(url)).toBe(true);
  });

  it.each([
    '/x?pin=1',
    '/x?a=pin',
    '/reset-password/x',
    '/x?a=4111111111111111',
    '/x/4111-1111-1111-1111',
    '/x?a=b=c',
    '/x?a=%41',
    '//u:p@h/',
    'https://u:p@h/',
    '/x?next=//h',
    '/x#a',
    '/x;a=1',
    '/VAT/1',
    '*',
    '/é',
    `/${'x'.repeat(10_000)}`,
  ])('is looked at part by part where a secret could be: %s', (url) => {
    expect(createRedaction().isPlainUrl(url)).toBe(false);
  });
});

describe('a search for words', () => {
  it('finds what a comparison without case and separators finds', () => {
    const letters = fc.string({ unit: fc.constantFrom(...'abcd$1'), minLength: 1, maxLength: 5 });
    const text = fc.string({ unit: fc.constantFrom(...'abcdABCD$1x/-_. '), maxLength: 30 });
    const differs = fc.property(fc.array(letters, { maxLength: 12 }), text, (words, searched) => {
      const squashed = searched.toLowerCase().replace(/[-_. ]/g, '');
      const found = words.some((word) => squashed.includes(word));
      expect(new WordSearch(words).isIn(searched)).toBe(found);
    });
    fc.assert(differs, { numRuns: 2_000 });
  });
});
