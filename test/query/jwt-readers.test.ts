import { jwt, type Reader } from '../../lib/index';
import { EXPRESSES } from '../support/app';
import { type JwtTrail, startJwtTrail, TENANTS } from './jwt-trail';
import { now, SECRET, tokenOf } from './tokens';

describe.each(EXPRESSES)('the reader of a JSON Web Token on %s', (_, express) => {
  let trail: JwtTrail;
  beforeAll(async () => {
    trail = await startJwtTrail(express);
  });

  describe('is nobody, and the answer 401, for a token', () => {
    const secret = { secret: SECRET };
    it.each<[string, object]>([
      ['without a subject', { sub: undefined }],
      ['with an empty subject', { sub: '' }],
      ['whose subject is a number', { sub: 7 }],
      ['whose email is an object', { email: {} }],
      ['whose permissions are one text', { permissions: 'audit.list' }],
      ['whose permissions are no texts', { permissions: [1] }],
      ['whose tenants are a number', { tenants: 1 }],
      ['whose tenants are true', { tenants: true }],
      ['whose tenants are one name', { tenants: 'a' }],
      ['whose tenants are null', { tenants: null }],
      ['whose tenants are an operator', { tenants: { $exists: true } }],
      ['whose tenants hold an operator', { tenants: ['a', { $ne: 'a' }] }],
    ])('%s', async (_what, claims) => {
      trail.use(jwt(secret));
      await trail.expectRefused(tokenOf({ claims: { ...claims } }));
    });
  });

  it.each<[unknown, number]>([
    ['*', TENANTS.length],
    [['a'], 1],
    [['a', 'b'], 2],
    [['*'], 1], // a tenant of that name
    [[], 0],
    [undefined, 0],
  ])('shows the tenants %j only', async (tenants, count) => {
    trail.use(jwt({ secret: SECRET }));
    await trail.expectCount(tokenOf({ claims: { tenants } }), count);
  });

  describe("with a reader of the app's own", () => {
    it.each<[string, (reader: Reader | null) => Reader | null | Promise<Reader | null>]>([
      ['at once', (reader) => reader],
      ['later', (reader) => new Promise((resolve) => setImmediate(() => resolve(reader)))],
    ])('reads by what it gives %s', async (_what, give) => {
      trail.use(
        jwt({
          secret: SECRET,
          reader: ({ client, exp }) =>
            give(client === 'shop' && Number(exp) > now() ? { id: client, tenants: ['a', 'b'] } : null),
        }),
      );
      await trail.expectCount(tokenOf({ claims: { sub: undefined, client: 'shop' } }), 2);
      await trail.expectRefused(tokenOf({ claims: { client: 'other' } }));
    });

    it('is not asked about a wrong token', async () => {
      const reader = jest.fn(() => ({ id: 'x', tenants: '*' as const }));
      trail.use(jwt({ secret: SECRET, reader }));
      await trail.expectRefused(tokenOf({ key: 'fake-secret-of-somebody-else-3456' }));
      await trail.expectRefused(tokenOf({ claims: { exp: now() - 60 } }));
      expect(reader).not.toHaveBeenCalled();
    });

    it.each<[string, () => unknown]>([
      [
        'throws',
        () => {
          throw Object.assign(new Error('secret of the directory'), { code: 'ERR_JWT_EXPIRED' });
        },
      ],
      [
        'rejects',
        async () => {
          throw new Error('secret of the directory');
        },
      ],
      ['gives one tenant as text', () => ({ id: 'x', tenants: 'a' })],
    ])('answers 500 and reports it when it %s', async (_what, reader) => {
      trail.use(jwt({ secret: SECRET, reader: reader as never }));
      await trail.expectFailed(tokenOf());
    });
  });
});
