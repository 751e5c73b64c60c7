import fc from 'fast-check';
import { EXPRESSES, startApp, type TestApp } from '../support/app';
import { mountApi, postJson, readBack } from './reading';

const ESC = '\u001b';
const RTL = '\u202e';

/** JSON texts: what `JSON.stringify` cannot write (`__proto__` as a key of a literal) is written by hand. */
const BODIES: readonly (readonly [string, string])[] = [
  ['a false BSON type', '{"_bsontype":"Nope"}'],
  ['a known BSON type', '{"a":{"_bsontype":"ObjectID","id":"x"},"b":{"_bsontype":"Long"}}'],
  ['__proto__', '{"__proto__":{"isAdmin":true},"a":{"__proto__":1}}'],
  ['constructor.prototype', '{"constructor":{"prototype":{"isAdmin":true}},"prototype":1}'],
  ['operators', '{"$where":"sleep(1)","$gt":"","a":{"$ne":null},"$set":{"b":1}}'],
  ['dots', '{"a.b":1,".":2,"a..b":{".c":3},"$a.$b":4}'],
  ['an empty key', '{"":1,"a":{"":{"":2}}}'],
  ['NUL in keys and values', '{"a\\u0000b":"c\\u0000d","\\u0000":1,"\\u0000\\u0000":2}'],
  ['a reference', '{"$ref":"users","$id":"7","$db":"admin"}'],
  ['a reference to nothing', '{"a":{"$ref":"x","$id":null},"b":{"$id":1},"c":{"$ref":1}}'],
  ['lone surrogates', '{"\\ud800":"\\udfff","a":"x\\ud83d","b":["\\ude00\\ud83d"]}'],
  ['the escape mark', '{"\u241b":"\u241b0041","\u241b005f":"\u241b\u241b"}'],
  [
    'inherited names with lists',
    '{"__proto__":[{}],"constructor":[{"toString":[[{}]]}],"valueOf":[{"a":[]}]}',
  ],
  ['method names', '{"toBSON":"a","toJSON":"b","toObject":"c","valueOf":1,"toString":2,"then":3}'],
  ['a mongoose document', '{"$__":{"activePaths":{}},"$isNew":true,"_doc":{"_id":"1","__v":0},"_id":"1"}'],
  ['extended JSON', '{"a":{"$oid":"000000000000000000000001"},"b":{"$date":"x"},"c":{"$numberLong":"1"}}'],
  ['an _id', '{"_id":{"$oid":"x"},"id":1,"uuid":"u","version":2}'],
  ['lines', JSON.stringify({ a: 'one\r\nSet-Cookie: x=1\r\n\r\n<html>', '\r\n': '\n' })],
  ['terminal escapes', JSON.stringify({ a: `${ESC}[31mred${ESC}]0;title\u0007`, b: '\u0008\u009b2J' })],
  ['right to left', JSON.stringify({ a: `${RTL}gpj.exe`, b: '\u200f\u2066x\u2069', '\ufeff': '\u200b' })],
  ['formulas', JSON.stringify({ a: "=cmd|' /C calc'!A0", b: '@SUM(1)', c: '+1', d: '-1' })],
  ['markup', JSON.stringify({ a: '<img src=x onerror=alert(1)>', b: '"><script>', c: '{{7*7}}' })],
  ['numbers', '[0,-1,1.5,1e21,5e-324,9007199254740993,2147483648,-2147483649,1.7976931348623157e308]'],
  ['whole and fractional', '{"a":1.0,"b":0.1,"c":100000000000000000000}'],
  ['mixed lists', '[[],{},[[]],[{}],null,true,false,"",0]'],
  ['numeric keys', '{"2":"b","1":"a","-1":"c","01":"d"}'],
  ['an object', '{}'],
  ['a list', '[]'],
  ['an empty string', '""'],
  ['zero', '0'],
  ['null', 'null'],
];

const HOSTILE_KEYS = [
  '__proto__',
  '_bsontype',
  '$ref',
  '$id',
  '$where',
  'a.b',
  '',
  '\0',
  '\ud800',
  '\u241b',
  'toBSON',
];
const text = fc.string({ unit: 'binary', maxLength: 40 });
const { json: anyJson } = fc.letrec((tie) => ({
  json: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(null, true, false, 0, '', -1.5),
    text,
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
    fc.array(tie('json'), { maxLength: 6 }),
    fc
      .array(fc.tuple(fc.oneof(fc.constantFrom(...HOSTILE_KEYS), text), tie('json')), { maxLength: 6 })
      .map((entries) => Object.fromEntries(entries)),
  ),
}));

describe.each(EXPRESSES)('a body sent to %s comes back from the API as it was sent', (_, express) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp({
      express,
      build(app, audit, { json }) {
        app.use(audit.middleware(), json({ strict: false }));
        mountApi(app, audit);
        app.post('/', (req, res) => void res.type('json').send(JSON.stringify(req.body)));
      },
    });
  });
  afterAll(async () => {
    expect(app.audit.stats()).toMatchObject({ dropped: 0, quarantined: 0 });
    await app.close();
  });

  async function roundTrip(body: string): Promise<{ answer: string; stored: string }> {
    const response = await postJson(app.url, body);
    const answer = await response.text();
    const event = await readBack(app.url, app.audit, response.headers.get('x-audit-id'));
    return { answer, stored: JSON.stringify(JSON.parse(event).post_data) };
  }

  it.each(BODIES)('%s', async (_case, body) => {
    const sent = JSON.stringify(JSON.parse(body));
    expect(await roundTrip(body)).toEqual({ answer: sent, stored: sent });
  });

  it('any that fits', async () => {
    await fc.assert(
      fc.asyncProperty(anyJson, async (value) => {
        const sent = JSON.stringify(value);
        expect(await roundTrip(sent)).toEqual({ answer: sent, stored: sent });
      }),
      { numRuns: 60, interruptAfterTimeLimit: 15_000 },
    );
  });
});
