import { parseOptions } from '../../lib/options';
import { createRedactor } from '../../lib/record/redact/redactor';

const createRedaction = createRedactor(parseOptions({ mongo: 'mongodb://localhost/x' }).redact, false);
const PAIR = '{"password":"CANARY"}';

describe('a text that some readers take for JSON', () => {
  it.each([
    '{"password"\u00a0:"CANARY"}',
    '{"password"\f:"CANARY"}',
    '{"password"\0:"CANARY"}',
    '{"password"\u200b : "CANARY"}',
    `\u200b${PAIR}`,
    `\u0001${PAIR}`,
    `\ufeff\u2060 ${PAIR}`,
    `)]}',\n${PAIR}`,
    `for(;;);${PAIR}`,
    `while(1);[${PAIR}]`,
    `data: ${PAIR}`,
    `event: login\ndata: ${PAIR}\n\n`,
    `cb(${PAIR})`,
    `/**/ jQuery123_456([${PAIR}]);`,
    `cb( { "a": 1, "password" : "CANARY" } )`,
    'a, password=CANARY',
    'user=u, password=CANARY',
    'user=u,password=CANARY',
  ])('gives no secret away: %j', (text) => {
    const redaction = createRedaction();
    expect(JSON.stringify(redaction.text(text, ['postData']))).not.toContain('CANARY');
    expect(redaction.quotesSecret('CANARY')).toBe(true);
  });

  it.each([
    '{"a"\u00a0:"b"}',
    '\u200b{"author":"b"}',
    ')]}\',\n{"a":1}',
    'data: {"a":"b=c"}',
    'cb({"a":[1,2]})',
    'a note, author=Jo',
    'a, b=c, d=e',
    'see {"a" for it',
    'x = 5, and the password = none of your business',
    'Hello, the password={hidden} is shown here',
  ])('is kept where it holds none: %j', (text) => {
    expect(createRedaction().text(text, ['postData'])).toBe(text);
  });
});
