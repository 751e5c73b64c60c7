import { createHash } from 'node:crypto';
import { get, json, type Subject, startSubject, text, withSubject } from './harness';

const SIZE = 50_000;
const fill = (unit: string): string => unit.repeat(Math.ceil(SIZE / unit.length)).slice(0, SIZE);
const nest = (open: string, close: string, depth: number): string =>
  open.repeat(depth) + 1 + close.repeat(depth);

/** Texts without a secret, each made to keep one of the patterns busy. */
const BUSY: readonly (readonly [string, string])[] = [
  ['equals signs in a row', fill('a=')],
  ['equals signs alone', fill('=')],
  ['pairs', fill('a=b&')],
  ['pairs with distinct names', Array.from({ length: 6_000 }, (_, i) => `k${i}=v`).join('&')],
  ['separators', `a=1${fill('&;')}`],
  ['lines', fill('a=b\n')],
  ['brackets', fill('[')],
  ['closed brackets', nest('[', ']', 25_000)],
  ['objects', nest('{"a":', '}', 8_000)],
  ['objects that never end', fill('{"a":')],
  ['quotes', `{${fill('"\\"')}`],
  ['backslashes', `"${fill('\\')}`],
  ['numbers in a list', `[${fill('1,')}1]`],
  ['bare words', `{${fill('a ')}`],
  ['a token without dots', `eyJ${fill('a')}`],
  ['a token of dots', `eyJ${fill('a.')}`],
  ['digits', fill('4 ')],
  ['digits with dashes', fill('4-1')],
  ['percent signs', fill('%')],
  ['broken escapes', fill('%ff%')],
  ['escapes of escapes', `a=${fill('%25')}`],
  ['a URL of segments', `http://a/${fill('b/')}`],
  ['a URL of colons', `http://${fill('a:')}`],
  ['a URL of matrix parameters', `http://a/${fill('a=b;')}`],
  ['a URL of parameters', `http://a?${fill('a=b&')}`],
  ['a scheme without end', fill('a:')],
  ['blanks', `${fill(' ')}x`],
  ['a scheme of credentials and blanks', `Bearer${fill(' ')}`],
  ['parameters of credentials', `Digest ${fill('a')}`],
  ['the begin of a key', `-----BEGIN ${fill('A ')}`],
  ['ligatures', fill('\uFDFA')],
  ['characters that are not seen', fill('\u200B')],
];

describe('a text of 50 KB', () => {
  let subject: Subject;
  beforeAll(async () => {
    subject = await startSubject({ server: { maxHeaderSize: 1_000_000 } });
  });
  afterAll(() => subject.close());

  it.each(BUSY)(
    'is searched and told by its hash as a body, value, header and query: %s',
    async (_title, busy) => {
      const isPlain = /^[\x21-\x7e][\x20-\x7e]*[\x21-\x7e]$/.test(busy);
      const hash = createHash('sha256').update(busy).digest('hex');
      const value = await subject.record({
        ...json({ a: busy, [busy]: 1 }),
        headers: isPlain ? { 'x-busy': busy, referer: busy } : {},
        target: `/x?q=${encodeURIComponent(busy)}`,
      });
      expect((value.postData as { a: string }).a).toContain(hash);
      expect(JSON.stringify(value.queryParams)).toContain(hash);
      if (isPlain) expect((value.headers as { 'x-busy': string })['x-busy']).toContain(hash);
      expect((await subject.record(text(busy))).postData).toContain(hash);
      expect(subject.errors).toEqual([]);
    },
  );

  it.each([
    ['names within values', '{"name":"pin","value":', '}', 1_800],
    ['pairs within pairs', '["pin",', ']', 5_000],
    ['objects within hidden ones', '{"pin":', '}', 5_000],
  ])('is masked once, where %s are nested', async (_title, open, close, depth) => {
    let calls = 0;
    const censor = () => {
      calls += 1;
      return '***';
    };
    await withSubject({ options: { redact: { censor } } }, async ({ record }) => {
      const { postData } = await record(text(nest(open, close, depth)));
      expect(JSON.stringify(postData)).toContain('***');
      expect(calls).toBe(1);
      calls = 0;
      await record({ body: nest(open, close, depth) });
      expect(calls).toBe(1);
    });
  });

  it('is cut out of 10,000 cookies, whose names are kept', async () => {
    const cookie = Array.from({ length: 10_000 }, (_, i) => `c${i}=v${i}`).join('; ');
    const { headers } = await subject.record(get('/x', { cookie }));
    expect((headers as { cookie: string }).cookie).toMatch(
      /^c0=\[REDACTED\]; c1=\[REDACTED\]; .*\[truncated: \d+ bytes/,
    );
  });
});

describe('an object of which many members may be values', () => {
  it('is searched for a name once', () =>
    withSubject({}, async (subject) => {
      let lists = 0;
      const spellings = Array.from({ length: 500 }, (_, i) => `value${i}`);
      const members = Object.fromEntries([['name', 'pin'], ...spellings.map((key) => [key, 'x'] as const)]);
      const counted = new Proxy(members, {
        ownKeys(target) {
          lists += 1;
          return Reflect.ownKeys(target);
        },
      });
      subject.audit.record({ name: 'Counted', content: counted });
      const [event] = await subject.events();
      expect(event?.content).toEqual({
        name: 'pin',
        ...Object.fromEntries(spellings.map((key) => [key, '[REDACTED]'])),
      });
      expect(lists).toBeLessThan(5);
    }));
});
