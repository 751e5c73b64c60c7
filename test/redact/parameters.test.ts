import { EXPRESSES } from '../support/app';
import { get, json, type Subject, startSubject, text, withSubject } from './harness';

/** Queries and forms in which the name of a secret stands beside its value, and what is stored of them. */
const NAMED: readonly (readonly [title: string, sent: string, stored: string])[] = [
  ['a name and a value', 'name=password&value=Z9x&a=1', 'name=password&value=REDACTED&a=1'],
  ['a value before its name', 'value=Z9x&a=1&name=password', 'value=REDACTED&a=1&name=password'],
  ['a key and a val', 'key=apiKey&val=Z9x', 'key=apiKey&val=REDACTED'],
  ['longer keys', 'fieldName=userPin&newValue=Z9x', 'fieldName=userPin&newValue=REDACTED'],
  ['several values', 'field=pin&old=Z9x&new=Z9x', 'field=pin&old=REDACTED&new=REDACTED'],
  ['items of a list', 'a[0][name]=password&a[0][value]=Z9x', 'a[0][name]=password&a[0][value]=REDACTED'],
  [
    'encoded brackets',
    'a%5B0%5D%5Bvalue%5D=Z9x&a%5B0%5D%5Bname%5D=password',
    'a%5B0%5D%5Bvalue%5D=REDACTED&a%5B0%5D%5Bname%5D=password',
  ],
  [
    'mixed spellings',
    'a%5b0][name]=pass%77ord&a[0]%5Bvalue%5D=Z9x',
    'a%5b0][name]=pass%77ord&a[0]%5Bvalue%5D=REDACTED',
  ],
  [
    'keys behind dots',
    'fields[0].name=token&fields[0].value=Z9x',
    'fields[0].name=token&fields[0].value=REDACTED',
  ],
  ['a name that is a list', 'name[]=x&name[]=pin&value=Z9x', 'name[]=x&name[]=pin&value=REDACTED'],
  ['a list with numbers', 'name[0]=pin&value[0]=Z9x', 'name[0]=pin&value[0]=REDACTED'],
  ['a repeated name', 'name=x&name=pin&name=y&value=Z9x', 'name=x&name=pin&name=y&value=REDACTED'],
  ['a repeated value', 'value=Z9x&name=pin&value=Z9x', 'value=REDACTED&name=pin&value=REDACTED'],
  ['an object as the value', 'name=pin&value[a][b]=Z9x', 'name=pin&value[a][b]=REDACTED'],
  ['an encoded value', 'name=pin&value=Z9x%20a+b', 'name=pin&value=REDACTED'],
  ['a pair', 'p=access_token&p=Z9x', 'p=access_token&p=REDACTED'],
  ['a pair with brackets', 'p[]=token&p[]=Z9x', 'p[]=token&p[]=REDACTED'],
  ['a pair with numbers', 'p[1]=Z9x&p[0]=token', 'p[1]=REDACTED&p[0]=token'],
  ['a pair of pairs', 'p[0][]=token&p[0][]=Z9x', 'p[0][]=token&p[0][]=REDACTED'],
];

const KEPT: readonly (readonly [title: string, sent: string])[] = [
  ['a name of no secret', 'name=color&value=red'],
  ['a name in another item', 'a[0][name]=pin&a[1][value]=red'],
  ['a name in another group', 'a.name=pin&b.value=red&value=1'],
  ['a name above', 'name=pin&a[value]=red'],
  ['a name below', 'a[name]=pin&value=red'],
  ['a name without a value', 'name=pin&value=&value&a=1'],
  ['a sentence in place of a name', `name=${'the+pin+'.repeat(40)}&value=red`],
  ['a list of three', 'p=token&p=x&p=y'],
  ['what is neither name nor value', 'sort=pin&page=2'],
];

/** Brackets are not legal in a URI, and are stored encoded. */
const bracketed = (url: string): string => url.replaceAll(/%5b/gi, '[').replaceAll(/%5d/gi, ']');

describe.each(EXPRESSES)('a name and its value in two parameters on %s', (_, express) => {
  let subject: Subject;
  beforeAll(async () => {
    subject = await startSubject({ express });
  });
  afterAll(() => subject.close());

  it.each(NAMED)('are masked wherever parameters stand: %s', async (_title, sent, stored) => {
    const nested = `n=${encodeURIComponent(`/y?${sent}`)}`;
    const event = await subject.record({
      ...json({ form: sent, list: [sent], text: JSON.stringify({ form: sent }) }),
      target: `/x?${sent}`,
      headers: {
        referer: `https://shop.example.org/x?${sent}`,
        origin: `https://shop.example.org/x#${sent}`,
        'x-original-url': `/x?${sent}#/y?${sent}`,
        'x-nested': `/x?${nested}`,
      },
    });
    expect(bracketed(event.url ?? '')).toBe(bracketed(`${subject.url}/x?${stored}`));
    expect(event.headers).toMatchObject({
      referer: `https://shop.example.org/x?${stored}`,
      origin: `https://shop.example.org/x#${stored}`,
      'x-original-url': `/x?${stored}#/y?${stored}`,
      'x-nested': '/x?n=REDACTED',
    });
    expect(event.postData).toEqual({ form: stored, list: [stored], text: JSON.stringify({ form: stored }) });
    expect((await subject.record(text(sent))).postData).toBe(stored);
    expect((await subject.storedBytes()).includes('Z9x')).toBe(false);
  });

  it.each(NAMED)('are masked in a form that was parsed into flat keys: %s', async (_title, sent) => {
    // where a name stands twice, such a parser makes a list of its values
    const content: Record<string, string | string[]> = {};
    for (const [name, value] of new URLSearchParams(sent)) {
      const known = content[name];
      content[name] = known === undefined ? value : [known, value].flat();
    }
    subject.audit.record({ name: 'Flat', content });
    expect((await subject.storedBytes()).includes('Z9x')).toBe(false);
  });

  it.each(KEPT)('are kept, spelled as they were: %s', async (_title, sent) => {
    const event = await subject.record({ ...json({ form: sent }), target: `/x?${sent}` });
    expect(bracketed(event.url ?? '')).toBe(`${subject.url}/x?${sent}`);
    expect(event.postData).toEqual({ form: sent });
  });

  it('are kept in flat keys where they are no secret', async () => {
    const body = { 'a.name': 'color', 'a.value': 'red', 'b[name]': 'pin', 'c[value]': 'x', 'd.data': 'y' };
    expect((await subject.record(json(body))).postData).toEqual(body);
  });
});

describe('10,000 parameters', () => {
  const all = (create: (i: number) => string): string =>
    Array.from({ length: 10_000 }, (_x, i) => create(i)).join('&');

  it.each([
    ['all names', all(() => 'name=pin')],
    ['all values', `${all(() => 'value=x')}&name=pin`],
    ['names and values in turns', all((i) => (i % 2 === 0 ? 'name=pin' : 'value=x'))],
    ['groups', all((i) => `a[${i}][name]=pin&a[${i}][value]=x`)],
    ['one deep name', `${'a[b]'.repeat(12_500)}[name]=pin&${'a[b]'.repeat(12_500)}[value]=x`],
    ['deep names', all((i) => `${'[a]'.repeat(50)}[${i}]=pin`)],
    ['pairs', all((i) => `p${i % 5_000}=pin`)],
    ['equals signs', `name=pin&value=${'='.repeat(50_000)}`],
    ['names with equals signs', `name=pin&${'value='.repeat(10_000)}`],
  ])('are searched in linear time: %s', (_title, sent) =>
    withSubject({}, async (subject) => {
      const started = performance.now();
      subject.audit.record({ name: 'Many', content: { sent, url: `https://h/x?${sent}#${sent}` } });
      expect(performance.now() - started).toBeLessThan(2_000);
    }),
  );
});

describe('parameters of a query parser that leaves names flat', () => {
  it('are masked by the name beside them', () =>
    withSubject({ routes: (app) => void app.set('query parser', 'simple') }, async (subject) => {
      const event = await subject.record(get('/x?a[0][name]=pin&a[0][value]=Z9x&a[1][value]=y'));
      expect(event.queryParams).toEqual({
        'a[0][name]': 'pin',
        'a[0][value]': '[REDACTED]',
        'a[1][value]': 'y',
      });
    }));
});
