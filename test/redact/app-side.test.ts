import type { Express } from 'express';
import { model, mongo, Schema } from 'mongoose';
import { EXPRESSES, freshUri } from '../support/app';
import { form, get, json, type Sent, type Subject, startSubject, text } from './harness';

const CANARY = 'Canary-app-Z9x';

async function expectAbsent(subject: Subject, canary = CANARY): Promise<void> {
  const stored = await subject.storedBytes();
  expect(stored.length).toBeGreaterThan(0);
  expect(stored.includes(canary)).toBe(false);
  expect(subject.errors.map((error) => [error.message, String(error.cause)]).join()).not.toContain(canary);
}

describe.each(EXPRESSES)('what an app adds on %s', (_, express) => {
  it('has its secrets masked', async () => {
    const subject = await startSubject({
      express,
      handler(req, res) {
        req.audit
          .content({ login: { password: CANARY }, rows: [['token', CANARY]], log: `{"pin":"${CANARY}"}` })
          .labels({ apiToken: CANARY, next: `/x?secret=${CANARY}`, operatorId: 7 })
          .error(Object.assign(new Error(`refused Bearer ${CANARY}aaaaaaaaaaaaaaaa`), { code: 'E_X' }));
        res.json({});
      },
    });
    const event = await subject.record(get('/x'));
    expect(event.content).toEqual({
      login: { password: '[REDACTED]' },
      rows: [['token', '[REDACTED]']],
      log: '{"pin":"[REDACTED]"}',
    });
    expect(event.labels).toEqual({ apiToken: '[REDACTED]', next: '/x?secret=REDACTED', operatorId: 7 });
    expect(event.error).toEqual({ name: 'Error', message: '[REDACTED]', code: 'E_X' });
    await expectAbsent(subject);
    await subject.close();
  });

  it('has its secrets masked in an event of its own', async () => {
    const subject = await startSubject({ express });
    const content = { user: { name: 'u', passwd: CANARY }, uri: `mongodb://u:${CANARY}@h/db` };
    subject.audit.record({ name: 'KeyRotated', content, labels: { sessionId: CANARY, region: 'eu' } });
    const [event] = await subject.events();
    expect(event?.content).toEqual({
      user: { name: 'u', passwd: '[REDACTED]' },
      uri: 'mongodb://REDACTED@h/db',
    });
    expect(event?.labels).toEqual({ sessionId: '[REDACTED]', region: 'eu' });
    await expectAbsent(subject);
    await subject.close();
  });
});

describe('a secret in an event that MongoDB refuses', () => {
  it('is not in the quarantine either', async () => {
    const uri = freshUri();
    const client = await mongo.MongoClient.connect(uri);
    const validator = { postData: { $exists: false } };
    await client.db().createCollection('auditevents', { validator });
    await client.close();
    const subject = await startSubject({ options: { mongo: uri } });
    await subject.send({ ...json({ password: CANARY, seen: 'seen-app' }), target: `/x?token=${CANARY}` });
    await subject.audit.flush();
    expect(subject.audit.stats()).toMatchObject({ quarantined: 1, pending: 0 });
    const stored = await subject.storedBytes();
    expect(stored.includes('seen-app')).toBe(true);
    expect(stored.includes(CANARY)).toBe(false);
    await expectAbsent(subject);
    await subject.close();
  });
});

const User = model(
  'RedactUser',
  new Schema({ password: { type: Number }, cvv: Number, pin: { type: String, minlength: 40 }, age: Number }),
);
const validated = (req: { body: Record<string, unknown> }): Promise<void> => new User(req.body).validate();

describe.each(EXPRESSES)('the message of an error on %s', (_, express) => {
  let subject: Subject;
  let work: (req: { body: Record<string, unknown> }) => unknown;

  beforeAll(async () => {
    subject = await startSubject({
      express,
      routes: (app: Express) =>
        void app.get('/t/:token', (req, _res, next) => next(new Error(`no ${req.params.token}`))),
      handler: (req, _res, next) =>
        void Promise.resolve()
          .then(() => work(req))
          .then(() => next(), next),
    });
  });
  afterAll(() => subject.close());

  it.each<[string, Sent, typeof work]>([
    ['of a cast', json({ password: CANARY }), validated],
    ['of a cast of three characters', json({ cvv: 'Z9x' }), validated],
    ['of a validator', json({ pin: CANARY }), validated],
    ['of a cast with quotes in the value', json({ password: `a"b'${CANARY}` }), validated],
    [
      'of a nested JSON text',
      json({ a: `{"token":"${CANARY}"}` }),
      () => Promise.reject(new Error(`bad ${CANARY}`)),
    ],
    [
      'in upper case',
      json({ secret: CANARY }),
      () => Promise.reject(new Error(`BAD ${CANARY.toUpperCase()}`)),
    ],
    [
      'as JSON',
      json({ secret: `"${CANARY}"` }),
      (req) => Promise.reject(new Error(`bad ${JSON.stringify(req.body)}`)),
    ],
    [
      'in part',
      json({ secret: `${CANARY}-and-more-of-it` }),
      () => Promise.reject(new Error(`bad '${CANARY}-and-m...'`)),
    ],
    [
      'split by the cut',
      json({ secret: CANARY }),
      () => Promise.reject(new Error(`${'x'.repeat(1_015)} ${CANARY}`)),
    ],
    [
      'cut away from the body',
      json({ a: Array(2_100).fill(0), secret: CANARY }),
      () => Promise.reject(new Error(CANARY)),
    ],
    ['that was thrown as a text', json({ secret: CANARY }), () => Promise.reject(`bad ${CANARY}`)],
    [
      'in its name and code',
      json({ secret: CANARY }),
      () => Promise.reject(Object.assign(new Error('x'), { name: CANARY, code: CANARY })),
    ],
    [
      'of a duplicate',
      form('a=1'),
      () => {
        const message = `E11000 duplicate key error dup key: { apiKey: "${CANARY}" }`;
        return Promise.reject(
          Object.assign(new Error(message), { code: 11_000, keyValue: { apiKey: CANARY } }),
        );
      },
    ],
    ['with a URL', form('a=1'), () => Promise.reject(new Error(`connect to mongodb://u:${CANARY}@h failed`))],
    ['of JSON.parse', json({ password: CANARY }), (req) => JSON.parse(String(req.body.password))],
    ['of a body that is no JSON', { body: `{"password": ${CANARY}}` }, () => undefined],
    ['of a body that is no JSON but a text', { body: `${CANARY}` }, () => undefined],
    ['of a route parameter', get(`/t/${CANARY}`), () => undefined],
    ['of a route parameter that cannot be decoded', get('/t/Undecodable-Z9x%'), () => undefined],
    [
      'of a value in a form as text',
      text(`a=1&token=${CANARY}`),
      () => Promise.reject(new Error(`bad ${CANARY}`)),
    ],
  ])('is masked when it quotes a secret: %s', async (_title, sent, fails) => {
    work = fails;
    const event = await subject.record(sent);
    expect(event.error?.message).not.toContain('Z9x');
    expect(JSON.stringify(event.error)).toContain('[REDACTED]');
    await expectAbsent(subject);
  });

  it.each<[string, Sent, string]>([
    ['when a field is missing', json({ password: 'Canary-1-Z9x' }), 'Path `name` is required.'],
    ['when it names a cookie that is no secret', get('/x', { cookie: 'theme=dark' }), 'no dark theme'],
    ['when it holds three digits of a longer number', json({ cvv: '123' }), 'order 41234 is unknown'],
    ['when it names a key only', json({ password: 'Canary-1-Z9x' }), 'password is too short'],
  ])('is kept %s', async (_title, sent, message) => {
    work = () => Promise.reject(new Error(message));
    const event = await subject.record(sent);
    expect(event.error?.message).toBe(message);
  });
});

describe('a body that is not recorded', () => {
  it('is not quoted by an error either', async () => {
    const subject = await startSubject({
      options: { capture: { body: false } },
      handler: (req, _res, next) => void validated(req).then(() => next(), next),
    });
    const event = await subject.record(json({ password: CANARY, age: 'old' }));
    expect(event.error).toEqual({ name: 'ValidationError', message: '[REDACTED]', code: null });
    await expectAbsent(subject);
    await subject.close();
  });
});
