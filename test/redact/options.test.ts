import type { RedactOptions } from '../../lib/index';
import { EXPRESSES } from '../support/app';
import { get, json, type Sent, startSubject, text, withSubject } from './harness';

const CANARY = 'Canary-option-Z9x';
const QUERY = '/x?user%5Bnr%5D=1&list=1&list=2&a.b=3&c=4&d=5';
const USER = { nr: 1, 'x.y': 2, list: [{ vat: 3 }, { vat: 4 }] };
const OTHER = { vat: 5, deep: { v: 6 } };
const BODY = { user: USER, other: OTHER };

async function record(redact: RedactOptions, sent: Sent, express = EXPRESSES[1]?.[1]) {
  const subject = await startSubject({
    express,
    options: { redact },
    handler(req, res) {
      req.audit
        .content({ user: { vat: 1 }, keep: 2 })
        .labels({ vat: 'x', keep: 'y' })
        .error(new Error('keep'));
      res.json({});
    },
  });
  const event = await subject.record(sent);
  await subject.close();
  return event;
}

describe('redact.keys', () => {
  it.each([
    [['Kunden-Nummer'], { kundennummer: 1, KUNDEN_NUMMER: 2, meineKundenNummer: 3 }, true],
    [['ｖａｔ'], { vat: 1, VAT: 2, 'v\u200Bat': 3 }, true],
    [['a+b'], { 'a+b': 1, 'xA+Bx': 2 }, true],
    [['a+b'], { aab: 1, ab: 2 }, false],
    [['--'], { anything: 1 }, false],
  ])('%j is looked for in every key', async (keys, members, isMasked) => {
    const { postData } = await record({ keys }, json(members));
    const masked = Object.fromEntries(Object.keys(members).map((key) => [key, '[REDACTED]']));
    expect(postData).toEqual(isMasked ? masked : members);
  });
});

describe.each(EXPRESSES)('redact.paths on %s', (_, express) => {
  const M = '[REDACTED]';

  it.each<[string, unknown]>([
    ['postData.user', { user: M, other: OTHER }],
    ['postData.user.nr', { user: { ...USER, nr: M }, other: OTHER }],
    ['postData["user"].nr', { user: { ...USER, nr: M }, other: OTHER }],
    ['postData[\'user\']["x.y"]', { user: { ...USER, 'x.y': M }, other: OTHER }],
    ['postData.*.nr', { user: { ...USER, nr: M }, other: OTHER }],
    ['postData.user.list[*].vat', { user: { ...USER, list: [{ vat: M }, { vat: M }] }, other: OTHER }],
    ['postData.user.list[1].vat', { user: { ...USER, list: [{ vat: 3 }, { vat: M }] }, other: OTHER }],
    ['postData.user.list.0', { user: { ...USER, list: [M, { vat: 4 }] }, other: OTHER }],
    ['postData.other.*', { user: USER, other: { vat: M, deep: M } }],
    ['postData[*]', { user: M, other: M }],
    ['postData.vat', BODY],
    ['postData.USER', BODY],
    ['content.user', BODY],
  ])('%s hides exactly what it names, in JSON and in its text', async (path, expected) => {
    await withSubject({ express, options: { redact: { paths: [path] } } }, async (subject) => {
      expect((await subject.record(json(BODY))).postData).toEqual(expected);
      const { postData } = await subject.record(text(JSON.stringify(BODY)));
      expect(JSON.parse(String(postData))).toEqual(expected);
    });
  });

  it.each<[string, Record<string, unknown>]>([
    ['headers["x-session"]', { headers: { 'x-session': M, 'x-other': 'b' } }],
    ['headers.X-Session', { headers: { 'x-session': M, 'x-other': 'b' } }],
    ['content.user.vat', { content: { user: { vat: M }, keep: 2 } }],
    ['content.*', { content: { user: M, keep: M } }],
    ['labels.vat', { labels: { vat: M, keep: 'y' } }],
    ['error.message', { error: { name: 'Error', message: M } }],
  ])('%s hides in its own section only', async (path, expected) => {
    const headers = { 'x-session': 'a', 'x-other': 'b' };
    const event = await record({ paths: [path] }, { ...json({ user: { vat: 1 } }), headers }, express);
    const open = {
      headers,
      content: { user: { vat: 1 }, keep: 2 },
      labels: { vat: 'x', keep: 'y' },
      error: { name: 'Error', message: 'keep' },
    };
    expect(event).toMatchObject({ postData: { user: { vat: 1 } }, ...open, ...expected });
  });

  it.each([
    ['queryParams.user.nr', 'user%5Bnr%5D=REDACTED&list=1&list=2&a.b=3&c=4&d=5'],
    ['queryParams.user', 'user%5Bnr%5D=REDACTED&list=1&list=2&a.b=3&c=4&d=5'],
    ['queryParams.*.nr', 'user%5Bnr%5D=REDACTED&list=1&list=2&a.b=3&c=4&d=5'],
    ['queryParams.list', 'user%5Bnr%5D=1&list=REDACTED&list=REDACTED&a.b=3&c=4&d=5'],
    ['queryParams.list[*]', 'user%5Bnr%5D=1&list=REDACTED&list=REDACTED&a.b=3&c=4&d=5'],
    ['queryParams["a.b"]', 'user%5Bnr%5D=1&list=1&list=2&a.b=REDACTED&c=4&d=5'],
    ['queryParams.c', 'user%5Bnr%5D=1&list=1&list=2&a.b=3&c=REDACTED&d=5'],
  ])('%s hides in the url too, and in no other parameter', async (path, expected) => {
    const { url, queryParams } = await record({ paths: [path] }, get(QUERY), express);
    expect(url?.split('?')[1]).toBe(expected);
    expect(JSON.stringify(queryParams)).toContain('[REDACTED]');
    expect(queryParams).toMatchObject({ d: '5' });
  });
});

describe('redact.censor', () => {
  it('stands in the place of secrets as a text', async () => {
    const sent = { ...json({ pin: 1, a: `{"pin":"x"}` }), headers: { cookie: 'sid=1', authorization: 'x' } };
    const event = await record({ censor: '***' }, sent);
    expect(event.postData).toEqual({ pin: '***', a: '{"pin":"***"}' });
    expect(event.headers).toMatchObject({ cookie: 'sid=***', authorization: '***' });
  });

  it('is asked with a value and its path, and may give any scalar', async () => {
    const asked: unknown[] = [];
    const censor = (value: unknown, path: readonly string[]) => {
      asked.push([value, path.join('.')]);
      return typeof value === 'string' ? value.length : { no: 'object' };
    };
    const event = await record({ censor }, json({ a: [{ pin: 'four' }, { otp: [1] }] }));
    expect(event.postData).toEqual({ a: [{ pin: 4 }, { otp: '[REDACTED]' }] });
    expect(asked).toEqual(
      expect.arrayContaining([
        ['four', 'postData.a.0.pin'],
        [[1], 'postData.a.1.otp'],
      ]),
    );
  });

  it.each([
    [
      'an error that quotes the secret',
      (value: unknown) => {
        throw new Error(`cannot mask ${value}`);
      },
    ],
    ['what JSON.parse throws', (value: unknown) => JSON.parse(String(value)) as unknown],
  ])(
    'masks the whole section when it throws %s, keeps the event and reports without the secret',
    async (_t, censor) => {
      const subject = await startSubject({ options: { redact: { censor } } });
      const target = `/x?a=1`;
      const event = await subject.record({ ...json({ a: 1, pin: CANARY }), target });
      expect(event).toMatchObject({ postData: '[REDACTED]', queryParams: { a: '1' }, statusCode: 200 });
      expect(subject.errors).toMatchObject([{ code: 'AUDIT_CAPTURE_FAILED' }]);
      const [error] = subject.errors;
      expect(`${error?.message} ${error?.cause}`).toContain('postData');
      expect(`${error?.message} ${error?.stack} ${(error?.cause as Error)?.stack}`).not.toContain(
        'Canary-option',
      );
      expect((await subject.storedBytes()).includes(CANARY)).toBe(false);
      await subject.close();
    },
  );
});

describe('redact.hmacKey', () => {
  const KEY = 'fake-key-of-hmacs-1';
  const masks = async (key: string): Promise<string[]> => {
    const sent = {
      ...json({ pin: CANARY, otp: CANARY, token: 'another', t: `{"pin":"${CANARY}"}` }),
      target: `/x?pin=${CANARY}`,
      headers: { cookie: `sid=${CANARY}` },
    };
    const event = await record({ hmacKey: key }, sent);
    const { pin, otp, token, t } = event.postData as Record<string, string>;
    const inText = (JSON.parse(String(t)) as { pin: string }).pin;
    const inUrl = event.url?.split('=')[1] ?? '';
    const cookie = String((event.headers as Record<string, string>).cookie).split('=')[1] ?? '';
    expect(JSON.stringify(event)).not.toContain(CANARY);
    return [pin, otp, inText, cookie, inUrl, token].map(
      (mask) => String(mask).match(/[0-9a-f]{16}/)?.[0] ?? '',
    );
  };

  it('gives equal secrets equal masks, wherever they stand, and others others', async () => {
    const [pin, otp, inText, cookie, inUrl, token] = await masks(KEY);
    expect(pin).toMatch(/^[0-9a-f]{16}$/);
    expect([otp, inText, cookie, inUrl]).toEqual([pin, pin, pin, pin]);
    expect(token).not.toBe(pin);
  });

  it('gives other masks under another key', async () => {
    expect((await masks(KEY))[0]).not.toBe((await masks(`${KEY}-other`))[0]);
  });
});

describe('dangerouslyRecordSecrets', () => {
  it('records everything as it was sent', async () => {
    const subject = await startSubject({
      options: { dangerouslyRecordSecrets: true },
      routes: (app) =>
        void app.post('/keys/:token', (req, res) => void res.json(req.audit.content({ pin: 1 }).id)),
    });
    const sent = {
      password: CANARY,
      a: `{"pin":"${CANARY}"}`,
      card: 4111111111111111,
      [`Bearer ${CANARY}`]: 1,
    };
    const headers = { authorization: `Bearer ${CANARY}`, cookie: `sid=${CANARY}` };
    const target = `/keys/${CANARY}?password=${CANARY}`;
    const event = await subject.record({ ...json(sent), headers, target });
    expect(event).toMatchObject({
      postData: sent,
      headers,
      content: { pin: 1 },
      url: subject.url + target,
      object: { type: 'keys', id: CANARY },
    });
    await subject.close();
  });
});
