import type { Request } from 'express';
import { EXPRESSES } from '../support/app';
import { get, type Subject, startSubject, withSubject } from './harness';

const JWT = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJaOXgifQ.Z9xZ9xZ9x';
const LONG_JWT = `eyJhbGciOiJIUzI1NiJ9.${'Z9x'.repeat(200)}.Z9xZ9xZ9x`;
const PEM = '-----BEGIN PRIVATE KEY-----\nZ9x';
const MASK = expect.stringMatching(/^\[REDACTED:[0-9a-f]{16}\]$/);

const SECRETS: readonly (readonly [title: string, secret: string, stored: string])[] = [
  ['a JWT', JWT, MASK],
  ['a JWT that is too long for an id', LONG_JWT, MASK],
  ['a bearer token', 'Bearer Z9x', MASK],
  ['a key', PEM, MASK],
  ['a key of a cloud', 'AKIAZ9XZ9XZ9XZ9XZ9XZ', MASK],
  ['a card number', '4111 1111 1111 1111', MASK],
  ['a URL with a token', 'https://h/x?token=Z9x', 'https://h/x?token=REDACTED'],
  ['JSON with a password', '{"password":"Z9x"}', '{"password":"[REDACTED]"}'],
  ['a form with nothing but secrets', 'pin=Z9x&'.repeat(30), expect.stringMatching(/^(pin=REDACTED&)+/)],
];

const person = (value: string) => ({ id: value, email: value, name: value, type: value });

describe.each(EXPRESSES)('who and what an app names on %s', (_, express) => {
  let subject: Subject;
  let call: (req: Request) => unknown = () => {};
  let given = '';
  beforeAll(async () => {
    subject = await startSubject({
      express,
      options: { user: () => person(given), tenant: () => given, name: () => given },
      handler(req, res) {
        call(req);
        res.json({ ok: true });
      },
    });
  });
  afterAll(() => subject.close());

  it.each(SECRETS)('is masked where it is %s', async (_title, secret, stored) => {
    given = 'x';
    call = ({ audit }) => {
      if (secret.length <= 256) audit.tenant(secret).name(secret).object(secret, secret);
      else audit.object('x', secret);
      audit.user(person(secret)).onBehalfOf(person(secret));
    };
    const noted = await subject.record(get('/x'));
    expect(noted).toMatchObject({ user: person(stored), onBehalfOf: person(stored), object: { id: stored } });
    if (secret.length <= 256)
      expect(noted).toMatchObject({ tenant: stored, name: stored, object: { type: stored } });
    given = secret;
    call = () => {};
    const answered = await subject.record(get('/x'));
    expect(answered).toMatchObject({ user: person(stored), tenant: stored, name: stored });
    subject.audit.record({ name: 'Own', object: { type: 'x', id: secret }, user: secret });
    expect((await subject.storedBytes()).includes('Z9x')).toBe(false);
    expect(subject.errors).toEqual([]);
  });

  it.each(['ada@example.org', '42', 'x'.repeat(256), 'a/b?c', '100%', '\u241B', 'Ada, née L.', '[1] & co'])(
    'is kept where it is no secret: %s',
    async (value) => {
      given = value;
      call = ({ audit }) => audit.object('x', value);
      expect(await subject.record(get('/x'))).toMatchObject({
        user: person(value),
        tenant: value,
        name: value,
        object: { type: 'x', id: value },
      });
    },
  );
});

describe('who an app names', () => {
  it('stays one person, and two stay two, where ids are masked', () =>
    withSubject({}, async ({ audit, events }) => {
      for (const user of ['4111111111111111', '5105105105105100', '4111111111111111'])
        audit.record({ name: 'Own', user });
      const ids = (await events()).map(({ user }) => user?.id);
      expect(ids).toEqual([MASK, MASK, MASK]);
      expect([ids[0] === ids[2], new Set(ids).size]).toEqual([true, 2]);
    }));

  it('has a mask that another audit cannot try out, unless both have one key', async () => {
    const ids: unknown[] = [];
    for (const hmacKey of [undefined, undefined, 'k'.repeat(16), 'k'.repeat(16)]) {
      await withSubject({ options: { redact: { hmacKey } } }, async ({ audit, events }) => {
        audit.record({ name: 'Own', user: '4111111111111111' });
        ids.push(...(await events()).map(({ user }) => user?.id));
      });
    }
    expect(ids).toEqual([MASK, MASK, MASK, MASK]);
    expect([new Set(ids).size, ids[2] === ids[3]]).toEqual([3, true]);
  });

  it('is masked as options say', () =>
    withSubject({ options: { redact: { censor: () => '\u0000***' } } }, async ({ audit, events }) => {
      audit.record({ name: 'Own', user: JWT });
      expect(await events()).toMatchObject([{ user: { id: '\u0000***' } }]);
    }));

  it('is masked and reported where the censor throws', () =>
    withSubject(
      {
        options: {
          redact: {
            censor: () => {
              throw new Error('no');
            },
          },
        },
      },
      async ({ audit, events, errors }) => {
        audit.record({ name: 'Own', user: JWT });
        expect(await events()).toMatchObject([{ user: { id: '[REDACTED]' } }]);
        expect(errors).toMatchObject([{ code: 'AUDIT_CAPTURE_FAILED' }]);
      },
    ));

  it('is kept where secrets are recorded on purpose', () =>
    withSubject({ options: { dangerouslyRecordSecrets: true } }, async ({ audit, events }) => {
      audit.record({ name: 'Own', user: JWT, tenant: JWT });
      expect(await events()).toMatchObject([{ user: { id: JWT }, tenant: JWT }]);
    }));
});
