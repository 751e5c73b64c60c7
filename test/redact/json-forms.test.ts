import { EXPRESSES } from '../support/app';
import { form, get, json, type Sent, type Subject, startSubject, text } from './harness';

const CANARY = 'Canary-form-Z9x';
const QUERY = `%7B%22url%22:%22https://x/?a=b%22,%22password%22:%22${CANARY}%22%7D`;

const SECRETS: readonly (readonly [string, Sent])[] = [
  ['with an equals sign', form(`{"url":"http://h/?a=b","password":"${CANARY}"}`)],
  ['with an ampersand in the secret', form(`{"password":"abc&${CANARY}"}`)],
  ['with an equals sign in the secret', form(`{"password":"abc&1=${CANARY}"}`)],
  ['with brackets', form(`{"a":[1],"password":"abc&${CANARY}"}`)],
  ['with brackets in the secret', form(`{"password":"abc[${CANARY}]&d"}`)],
  ['of a list', form(`["a=b",{"pin":"${CANARY}"}]`)],
  ['behind a blank', form(` {"a":"b=c","password":"${CANARY}"}`)],
  ['beside a name', form(`{"name":"password","a":"b=c","value":"${CANARY}"}`)],
  ['percent-encoded as text', text(encodeURIComponent(`{"a":"b`).concat(`=c","pin":"${CANARY}"}`))],
  ['in the query', get(`/x?${QUERY}`)],
  ['in the query, with an ampersand', get(`/x?{%22password%22:%22abc&${CANARY}%22}`)],
  ['in the query of Referer', get('/x', { referer: `https://h/x?${QUERY}` })],
  ['in the query of a URL in a body', json({ a: `https://h/x?{"password":"abc&${CANARY}"}` })],
];

describe.each(EXPRESSES)('JSON in the place of a form on %s', (_, express) => {
  let subject: Subject;
  beforeAll(async () => {
    subject = await startSubject({
      express,
      handler(req, _res, next) {
        req.audit.content(req.body);
        next(new Error(`unknown: ${CANARY}`));
      },
    });
  });
  afterAll(() => subject.close());

  it.each(SECRETS)('is masked as a whole where it holds a secret: %s', async (_title, sent) => {
    const event = await subject.record(sent);
    expect(JSON.stringify(event)).not.toContain('Z9x');
    expect(event.error?.message).toBe('[REDACTED]');
    expect((await subject.storedBytes()).includes('Z9x')).toBe(false);
  });

  it('is one mask in the url, the query and the body', async () => {
    const event = await subject.record({ ...form(`{"password":"abc&x-1"}`), target: `/x?${QUERY}` });
    expect(event.url).toBe(`${subject.url}/x?REDACTED`);
    expect(event.queryParams).toBe('[REDACTED]');
    expect(event.postData).toBe('[REDACTED]');
  });

  it('is kept where it holds none', async () => {
    const event = await subject.record({
      ...form('{"url":"http://h/?a=b","author":"x&y"}'),
      target: '/x?%7B%22a%22:%22b=c&d%22%7D',
    });
    expect(event.postData).toEqual({ '{"url":"http://h/?a': 'b","author":"x', 'y"}': '' });
    expect(event.queryParams).toEqual({ '{"a":"b': 'c', 'd"}': '' });
    expect(event.url).toBe(`${subject.url}/x?%7B%22a%22:%22b=c&d%22%7D`);
  });

  it('is recorded where secrets are recorded on purpose', async () => {
    const open = await startSubject({ express, options: { dangerouslyRecordSecrets: true } });
    const event = await open.record(form('{"password":"abc&x-1"}'));
    expect(event.postData).toEqual({ '{"password":"abc': '', 'x-1"}': '' });
    await open.close();
  });
});
