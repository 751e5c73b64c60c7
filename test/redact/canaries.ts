import { form, get, json, type Sent, text } from './harness';

/** A way in which a client may send a secret, which is put in the place of `c`. */
export type Canary = readonly [title: string, sent: (c: string) => Sent];

const nested = (value: unknown, depth: number): unknown =>
  depth === 0 ? value : { a: [nested(value, depth - 1)] };
const encoded = (value: unknown): string => encodeURIComponent(JSON.stringify(value));
const jwt = (c: string): string => `eyJhbGciOiJIUzI1NiJ9.${c.replaceAll('-', '_')}.${c}`;
const basic = (c: string): string => `Basic ${Buffer.from(`user:${c}`).toString('base64')}`;

export const KEYED: readonly Canary[] = [
  ['under a key', (c) => json({ password: c })],
  ['five levels deep', (c) => json({ a: { b: [{ c: { api_key: c } }] } })],
  ['in objects of an array', (c) => json({ users: [{ secret: c }, { secret: `${c}2` }] })],
  ['in an array under a key', (c) => json({ passwords: ['x', [c]] })],
  ['anywhere in an object under a key', (c) => json({ credentials: { user: 'u', more: { deep: [c] } } })],
  ['as a key in an object under a key', (c) => json({ tokens: { [c]: true } })],
  ['beside a name', (c) => json({ fields: [{ name: 'password', value: c }] })],
  ['beside a name that comes later', (c) => json({ value: c, type: 'text', key: 'api-key' })],
  ['beside a name, under a longer key', (c) => json({ fieldName: 'userPin', newValue: c, old_value: c })],
  ['beside a name, in an object', (c) => json({ Header: 'X-Auth-Token', Data: { raw: [c] } })],
  ['in a JSON patch', (c) => json([{ op: 'replace', path: '/user/password', value: c }])],
  ['in a list of differences', (c) => json([{ kind: 'E', path: ['user', 'token'], lhs: c, rhs: `${c}2` }])],
  [
    'in a pair',
    (c) =>
      json([
        ['x', 1],
        ['access_token', c],
      ]),
  ],
  ['under Pass-Word', (c) => json({ 'Pass-Word': c })],
  ['under pass word, PASS_WORD and pass.word', (c) => json({ 'pass word': c, PASS_WORD: c, 'pass.word': c })],
  ['under a full-width key', (c) => json({ ｐａｓｓｗｏｒｄ: c })],
  ['under a key with zero-width characters', (c) => json({ 'pa\u200Bss\u2060wo\u00ADrd': c })],
  ['under a key with control characters', (c) => json({ 'pass\u0000word': c, 'to\u0007ken': c })],
  ['under a key with a lone surrogate', (c) => ({ body: `{"pass\\ud800word":"${c}"}` })],
  [
    'under short words',
    (c) => json({ userPIN: c, csrfToken: c, 'x-otp': c, cvv2: c, ibanNumber: c, tokens: c }),
  ],
  [
    'under words written as one',
    (c) => json({ authtoken: c, refreshtokens: c, PHPSESSID: c, 'connect.sid': c }),
  ],
  ['beyond the number of values', (c) => json({ list: Array(2_100).fill(0), password: c })],
  ['beyond the depth', (c) => json(nested({ password: c }, 20))],
  ['as a key that looks like a secret', (c) => json({ [jwt(c)]: 1, plain: { [`https://u:${c}@h/`]: 1 } })],
];

export const IN_TEXTS: readonly Canary[] = [
  ['in JSON in a string', (c) => json({ payload: JSON.stringify({ user: { password: c } }) })],
  [
    'in JSON in JSON in JSON',
    (c) => json({ a: JSON.stringify([JSON.stringify({ b: JSON.stringify({ pin: c }) })]) }),
  ],
  ['in a pair in JSON in a string', (c) => json({ a: JSON.stringify([['password', c]]) })],
  ['beside a name in JSON in a string', (c) => json({ a: JSON.stringify([{ value: c, name: 'token' }]) })],
  ['in JSON with an escaped key', (c) => text(`{"\\u0070assword":"${c}"}`)],
  ['in JSON with a repeated key', (c) => text(`{"password":"${c}","password":null,"a":1}`)],
  ['in JSON that was cut short', (c) => text(`{"user":"u","password":"${c}`)],
  ['in lines of JSON', (c) => ({ body: `{"a":1}\n{"password":"${c}"}\n`, type: 'application/x-ndjson' })],
  ['in JSON behind a byte order mark', (c) => text(`\uFEFF {"password":"${c}"}`)],
  ['in loose JSON', (c) => text(`{user: 'u', password: '${c}'}`)],
  ['in JSON nested deeply', (c) => text(`${'['.repeat(3_000)}{"password":"${c}"}${']'.repeat(3_000)}`)],
  ['in JSON of many values', (c) => text(`[${'1,'.repeat(3_000)}{"password":"${c}"}]`)],
  ['in a form as text', (c) => text(`user=u&password=${c}`)],
  ['in a form as text with a flag first', (c) => text(`&debug&password=${c}`)],
  ['in a form as text with lines', (c) => text(`user=u\r\npassword=${c}\r\n`)],
  ['in a form in a string', (c) => json({ raw: `a=1&user%5Bpassword%5D=${c}` })],
  ['in JSON in a form in a string', (c) => json({ raw: `a=1&q=${encoded({ token: c })}` })],
  ['in JSON that was percent-encoded', (c) => json({ raw: encoded({ token: c }) })],
  ['in a connection string', (c) => json({ raw: `Data Source=db;User Id=sa;Password=${c};` })],
  [
    'split by the cut of a string',
    (c) => text(JSON.stringify({ a: 'x'.repeat(8_060), password: c, b: 'y'.repeat(200) })),
  ],
  ['split by the cut of a form', (c) => text(`a=${'x'.repeat(8_075)}&password=${c}&b=${'y'.repeat(99)}`)],
  ['in a text too long to be searched', (c) => text(`{"password":"${c}","a":"${'x'.repeat(1_100_000)}"}`)],
  ['in a form', (c) => form(`user[name]=u&user[password]=${c}&list[0][pin]=${c}`)],
  ['in a form, beside a name', (c) => form(`fields[0].name=password&fields[0].value=${c}`)],
  ['in a form in a string, beside a name', (c) => json({ raw: `a=1&key=pin&val=${c}` })],
  ['in JSON in a form', (c) => form(`a=1&q=${encoded({ deep: { secret: c } })}`)],
  ['in JSON that was declared a form', (c) => form(JSON.stringify({ user: 'u', password: c }))],
  ['in JSON with an equals sign that was declared a form', (c) => form(`{"password":"${c}=${c}"}`)],
  ['in bytes', (c) => ({ body: Buffer.from(`{"password":"${c}"}`), type: 'application/octet-stream' })],
  ['in a body that nobody reads', (c) => ({ body: `password=${c}`, type: 'application/x-unknown' })],
  ['in a body that cannot be parsed', (c) => ({ body: `{"password": ${c}}` })],
];

export const IN_URLS: readonly Canary[] = [
  ['in the query', (c) => get(`/x?a=1&password=${c}`)],
  ['in the query under an encoded name', (c) => get(`/x?%70ass%77ord=${c}&a=%`)],
  ['in the query under a bracketed name', (c) => get(`/x?user[deep][token]=${c}`)],
  ['in the query without a name', (c) => get(`/x?${jwt(c)}`)],
  ['in JSON in the query', (c) => get(`/x?q=${encoded({ password: c })}`)],
  ['in JSON as the query', (c) => get(`/x?${encoded({ password: c })}`)],
  ['in a URL in the query', (c) => get(`/x?next=${encodeURIComponent(`/y?a=1&token=${c}`)}`)],
  [
    'in a URL in a URL in the query',
    (c) => get(`/x?n=${encodeURIComponent(`/y?n=${encodeURIComponent(`https://h/?pin=${c}`)}`)}`),
  ],
  ['in the query, behind a second equals sign', (c) => get(`/x?next=token=${c}`)],
  ['in the query, beside a name', (c) => get(`/x?name=password&value=${c}`)],
  ['in the query, before its name', (c) => get(`/x?a%5B0%5D%5Bvalue%5D=${c}&a%5B0%5D%5Bname%5D=password`)],
  ['in a matrix parameter', (c) => get(`/users;password=${c};a=1/list`)],
  ['in a route parameter', (c) => get(`/reset/${c}/confirm`)],
  ['in a route parameter with a plus sign and a blank', (c) => get(`/reset/a+b%20${c}/confirm`)],
  ['in a part of a segment', (c) => get(`/files/report.${c}`)],
  ['in a segment after a name', (c) => get(`/nowhere/password/${c}`)],
  ['in the user information of the target', (c) => get(`http://user:${c}@shop.example.org/x`)],
  ['in user information with a slash', (c) => json({ uri: `postgres://user:a/${c}@db.example.org/x` })],
  ['in user information of a driver', (c) => json({ uri: `jdbc:postgresql://user:${c}@db.example.org/x` })],
  ['in settings of a driver', (c) => json({ uri: `jdbc:sqlserver://db;user=sa;password=${c}` })],
  ['in user information without a scheme', (c) => json({ uri: `//user:${c}@db.example.org/x` })],
  ['in the query of a URL with blanks', (c) => json({ uri: `https://h/search?q=two words&token=${c}` })],
  ['in the fragment of a URL', (c) => json({ uri: `https://h/#access_token=${c}&a=1` })],
  ['in the path of a URL', (c) => json({ uri: `https://h/token/${c}/x` })],
];

export const IN_HEADERS: readonly Canary[] = [
  ['in Authorization', (c) => get('/x', { authorization: `Custom ${c}` })],
  ['in Proxy-Authorization', (c) => get('/x', { 'proxy-authorization': basic(c) })],
  ['in Cookie', (c) => get('/x', { cookie: `theme=${c}; sid=s%3A${c}.${c}` })],
  ['in a cookie without a name', (c) => get('/x', { cookie: c })],
  [
    'in 1,000 cookies',
    (c) =>
      get('/x', { cookie: Array.from({ length: 1_000 }, (_, i) => `c${i}=${i === 0 ? c : i}`).join('; ') }),
  ],
  ['in Set-Cookie', (c) => get('/x', { 'set-cookie': [`a=${c}`, `b=${c}`] })],
  ['in X-Api-Key', (c) => get('/x', { 'x-api-key': c })],
  ['in X-CSRF-Token and X-Auth', (c) => get('/x', { 'x-csrf-token': c, 'x-auth': c })],
  ['in the query of Referer', (c) => get('/x', { referer: `https://h/login?user=u&password=${c}` })],
  ['in the path of Referer', (c) => get('/x', { referer: `https://h/reset-password/${c}` })],
  ['in the user information of Referer', (c) => get('/x', { referer: `https://u:${c}@h/` })],
  ['in a Referer without a host', (c) => get('/x', { referer: `/reset-password/${c}?a=1` })],
  ['in X-Original-URL', (c) => get('/x', { 'x-original-url': `/a/token/${c}` })],
  [
    'in the query of Referer, beside a name',
    (c) => get('/x', { referer: `https://h/x?val=${c}&key=apiKey` }),
  ],
  ['in Host', (c) => get('/x', { host: `user:${c}@shop.example.org` })],
  ['in X-Request-Id', (c) => get('/x', { 'x-request-id': jwt(c) })],
  ['in User-Agent', (c) => get('/x', { 'user-agent': `Bearer ${c}` })],
  ['as the name of a header', (c) => get('/x', { [`sk-${c.toLowerCase()}0123456789abcdef`]: 'x' })],
];
