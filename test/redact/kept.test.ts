import { EXPRESSES } from '../support/app';
import { form, get, json, type Subject, startSubject, text } from './harness';

const KEYS = [
  'author authority authorId className businessName footprint footprints company companion expand spin opinion',
  'passenger compass bypassed encompass tokenizer tokenised inside considered president residue',
  'adapter option adoption desktop laptop opted panel companyPanel spanner japan signal design signatory jwtf',
  'shipping pinned happiness liban cvvx mission session sessions key keys monkey keyword publicKeys access',
  'bypass trespass surpass underpass overpass bypassKey authorKey cardNote discardNow businessId assessId',
  'card credit number name value authenticated status id type message cost constant x-forwarded-for',
];

const VALUES: readonly unknown[] = [
  'Basic plan',
  'Basic',
  'basic training for everybody',
  'Bearer',
  'Bearers of bad news',
  'Token of love',
  'Digest of the week',
  'The bearer of this card',
  'eyJ is how a JSON object begins in base64',
  'eyJhbGciOiJIUzI1NiJ9',
  '-----BEGIN-----',
  'see -----BEGIN CERTIFICATE----- above',
  'sk-short',
  'AKIA',
  '4111 1111 1111 1112',
  '4111111111111112',
  4111111111111112,
  1234567890123456,
  1700000000000,
  1700000000000000,
  '1700000000000',
  '9007199254740993',
  'ISBN 978-3-16-148410-0',
  '978-3-16-148410-0',
  '+49 30 901820',
  '2024-01-31T12:00:00.000Z',
  '192.168.100.200',
  '4111 1111 1111 1111 is a card number',
  'order 4111111111111111',
  'E = mc^2',
  'x = 5, and the password = none of your business',
  'if (token == null) { pin = 4 }',
  'a == b && c != d',
  'The password is asked for twice.',
  'a&b;c',
  'AT&T',
  '100% sure',
  '%',
  '%25%zz',
  '50%20',
  'user@example.org',
  'mailto:user@example.org',
  'https://example.org/',
  'https://example.org/a/b;c=1?d=2&e=%20&f#g=h',
  'https://example.org/password/reset',
  'https://example.org/auth/v2/login',
  'https://example.org:8080/@user/a@b',
  'mongodb://a:27017,b:27017/db',
  'http://[::1]:3000/',
  '//cdn.example.org/lib.js',
  '// a comment: password',
  '/etc/hosts',
  'C:\\pin\\x',
  '[note] bring a coat',
  '[REDACTED]',
  '"quoted" words',
  '{ not json',
  '{{name}} is {{age}}',
  '[[[[',
  '<img onerror=alert(1)>',
  '=cmd|"/C calc"!A0',
  '\u001b[31mred\u001b[0m\r\nX: y',
  '\u202Egnp.exe',
  '',
  ' ',
  '\u0000',
  'ein=zwei&drei=vier',
];

const TEXTS: readonly string[] = [
  '{"a":1.0,"b":1e3,"c":12345678901234567890,"d":"\\u0041","d":[ ],"e" : { }}',
  '[1,2,[3,{"author":"x"}]]\n',
  ' "a string" ',
  '{"a":1}\n{"b":2}\n',
  `[${'1,'.repeat(3_000)}1]`,
  `${'['.repeat(3_000)}${']'.repeat(3_000)}`,
  '{"password":null,"pin":null}',
  '{"fields":["name","password","email"]}',
  '{"name":"color","value":"red"}',
  '{"a":"{\\"b\\":\\"{}\\"}"}',
  '{"a":',
  'a=1&b=2&&c&=d&e=',
  `a=${'b&c='.repeat(1_500)}`,
  'a=1;b=2;;',
  'a=1\r\nb=2\r\n',
  'q=%7B%22a%22%3A1%7D&r=%zz&s=+%2B',
  'password=',
  'x=y=z=w==',
];

describe.each(EXPRESSES)('what is no secret on %s', (_, express) => {
  let subject: Subject;
  beforeAll(async () => {
    subject = await startSubject({ express });
  });
  afterAll(() => subject.close());

  it.each(KEYS)('is kept under the keys %s', async (line) => {
    const keys = line.split(' ').flatMap((key) => [key, key.toUpperCase(), `${key}_x`]);
    const body = Object.fromEntries(keys.map((key) => [key, ['a value', 1, true]]));
    expect((await subject.record(json(body))).postData).toEqual(body);
  });

  it('is kept as a value that only resembles a secret', async () => {
    const body = Object.fromEntries(VALUES.map((value, i) => [`v${i}`, value]));
    expect((await subject.record(json(body))).postData).toEqual(body);
    expect((await subject.record(json(VALUES))).postData).toEqual(VALUES);
  });

  it.each(TEXTS.map((one) => [one.slice(0, 40), one]))('is kept as the text %j', async (_title, body) => {
    expect((await subject.record(text(body))).postData).toBe(body);
    expect((await subject.record(json({ nested: body }))).postData).toEqual({ nested: body });
  });

  it('is kept beside what is masked in a JSON text, spelled as it was', async () => {
    const body = '{ "a": 1.0, "pin" : "1234", "b":[ 12345678901234567890 ], "a":"\\u0041" }';
    const { postData } = await subject.record(text(body));
    expect(postData).toBe('{ "a": 1.0, "pin" : "[REDACTED]", "b":[ 12345678901234567890 ], "a":"\\u0041" }');
  });

  it('is kept beside what is masked in a form', async () => {
    const { postData } = await subject.record(text('a=%41+b&pin=1234&&c;d=%zz'));
    expect(postData).toBe('a=%41+b&pin=REDACTED&&c;d=%zz');
    const parsed = await subject.record(form('author[name]=x&author[pin]=1&list[]=1&list[]=2'));
    expect(parsed.postData).toEqual({ author: { name: 'x', pin: '[REDACTED]' }, list: ['1', '2'] });
  });

  it('is kept in the url, the query and the headers', async () => {
    const target = '/a%20b;c=1/@d/password/reset?author=x&e=%7B%22f%22%3A1%7D&g=&h&i=1=2&j=a+b';
    const headers = {
      referer: `https://example.org${target}`,
      'x-forwarded-for': '10.0.0.1',
      'content-security-policy': "default-src 'self'; img-src *",
      'cache-control': 'max-age=0, no-cache',
      forwarded: 'for=192.0.2.60;proto=http;by=203.0.113.43',
      accept: 'text/html,application/xml;q=0.9,*/*;q=0.8',
      from: 'user@example.org',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    };
    const event = await subject.record(get(target, headers));
    expect(event.url).toBe(`${subject.url}${target}`);
    expect(event.headers).toMatchObject(headers);
    expect(event.queryParams).toEqual({ author: 'x', e: '{"f":1}', g: '', h: '', i: '1=2', j: 'a b' });
  });
});
