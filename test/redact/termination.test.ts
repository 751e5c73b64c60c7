import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { createRedactor } from '../../lib/record/redact/redactor';
import { EXPRESSES, startApp } from '../support/app';

const createRedaction = createRedactor(
  { keys: [], paths: [], censor: '[REDACTED]', hmacKey: null } as never,
  false,
);

/** Ends what would never end, which no test's own timeout can. */
function within<T>(timeout: number, task: () => T): T {
  return runInNewContext('task()', { task }, { timeout }) as T;
}

/** What texts are taken apart by, blanks that JSON does not know among them. */
const STRUCTURE = [
  ...'{}[]":,\'\\/?#&=;@%+-.<> \t\n\r',
  '\f',
  '\v',
  '\0',
  '\u00a0',
  '\u2028',
  '\ufeff',
  '\u3000',
];
const PIECES = [
  ...STRUCTURE,
  'a',
  'b1',
  'password',
  'name',
  'value',
  'true',
  '12',
  'https://',
  '%7B',
  '%0C',
  '{"a":',
  '\\"',
];
const texts = fc
  .array(fc.constantFrom(...PIECES), { minLength: 1, maxLength: 24 })
  .map((pieces) => pieces.join(''));

describe('the search for secrets', () => {
  it.each([
    ['{a\fb'],
    ['[a\fb]'],
    ['{a\u00a0b:1}'],
    ['{\f'],
    ['{"a"\v:1}'],
    ['\ufeff{"a":1}'],
    ['a={b\fc}&d=1'],
    ['{password\f:"x"}'],
  ])('comes to an end for %j', (text) => {
    expect(typeof within(2_000, () => createRedaction().text(text, ['postData']))).toBe('string');
  });

  it('hides the value of a name that other blanks surround', () => {
    for (const text of ['{password\f:"x-1"}', '{\u00a0pin\u00a0:"x-1"}', '{"a":1,\vpassword : "x-1"}'])
      expect(within(2_000, () => createRedaction().text(text, ['postData']))).not.toContain('x-1');
  });

  it('comes to an end for any text, as a value, a name, a header or a URL', () => {
    const property = fc.property(texts, (text) => {
      within(2_000, () => {
        createRedaction().text(text, ['postData']);
        createRedaction().text(text, ['headers', 'referer']);
        createRedaction().key(text);
        createRedaction().url(text);
        createRedaction().url(`/x?${text}`);
        createRedaction().quotesSecret(text);
      });
    });
    fc.assert(property, { numRuns: 3_000 });
  });
});

describe.each(EXPRESSES)('an app on %s', (_, express) => {
  it('answers and records requests whose parameters look like broken JSON', async () => {
    const app = await startApp({
      express,
      build(server, audit) {
        server.use(audit.middleware());
        server.get('/', (_req, res) => {
          res.json({ ok: true });
        });
      },
    });
    const queries = ['a=%7Ba%0Cb', '%7Ba%0Cb=1', 'a=%7Ba%C2%A0b:1%7D', 'x=%5Ba%0Cb%5D'];
    for (const query of queries) expect((await fetch(`${app.url}/?${query}`)).status).toBe(200);
    expect(await app.events()).toHaveLength(queries.length);
    await app.close();
  });
});
