import crypto from 'node:crypto';
import { type AuditError, type Authenticate, createAudit, type Reader, staticTokens } from '../../lib/index';
import { EXPRESSES, freshUri } from '../support/app';
import { listOf } from './contract';
import { ask, closedAtEnd, row, startTrail, type Trail } from './trail';

const TOKEN = 'fake-token-1';
const auditor: Reader = { id: 'auditor', tenants: '*' };
const NOT_PROVIDED = { detail: 'Authentication credentials were not provided.' };
const INVALID = { detail: 'Invalid token.' };
const FAILED = { detail: 'The query failed.' };
const stored = row('2026-01-01T00:00:00Z', { tenant: 'a' });

describe.each(EXPRESSES)('authentication on %s', (_, express) => {
  let trail: Trail;
  let authenticate: Authenticate;

  beforeAll(async () => {
    trail = await startTrail({
      express,
      build: (app, audit) =>
        void app.use('/audit-events', audit.router({ authenticate: (...all) => authenticate(...all) })),
    });
    await trail.store([stored]);
  });
  beforeEach(() => {
    authenticate = staticTokens({ [TOKEN]: auditor });
    trail.errors.length = 0;
  });

  const askWith = (authorization: string | undefined, path = '/') =>
    ask(`${trail.url}/audit-events${path}`, {
      as: null,
      headers: authorization === undefined ? {} : { Authorization: authorization },
    });

  it.each([
    ['no header', undefined, NOT_PROVIDED],
    ['an empty header', '', NOT_PROVIDED],
    ['another scheme', `Bearer ${TOKEN}`, NOT_PROVIDED],
    ['a scheme that begins alike', `Tokens ${TOKEN}`, NOT_PROVIDED],
    ['no scheme', TOKEN, NOT_PROVIDED],
    ['no token', 'Token', NOT_PROVIDED],
    ['an empty token', 'Token ', NOT_PROVIDED],
    ['two tokens', `Token ${TOKEN} ${TOKEN}`, NOT_PROVIDED],
    ['a token in a list', `Token ${TOKEN},x`, INVALID],
    ['the token by another separator', `Token=${TOKEN}`, NOT_PROVIDED],
    ['a wrong token', 'Token fake-token-2', INVALID],
    ['the beginning of the token', `Token ${TOKEN.slice(0, -1)}`, INVALID],
    ['the token and more', `Token ${TOKEN}1`, INVALID],
    ['the token in capitals', `Token ${TOKEN.toUpperCase()}`, INVALID],
    ['a name that every object has', 'Token constructor', INVALID],
    ['a name that every object has', 'Token __proto__', INVALID],
  ])('answers 401 to %s: %j', async (_what, authorization, body) => {
    for (const path of ['/', `/${stored.uuid}/`, '/nothing/', '/?user[$ne]=1']) {
      const answer = await askWith(authorization, path);
      expect([answer.status, answer.body]).toEqual([401, body]);
      expect(answer.headers.get('www-authenticate')).toBe('Token');
      expect(answer.headers.get('cache-control')).toBe('no-store');
    }
    expect(trail.errors).toEqual([]);
  });

  it.each([`Token ${TOKEN}`, `token ${TOKEN}`, `TOKEN   ${TOKEN}`])('takes %j', async (authorization) => {
    expect(listOf(await askWith(authorization)).count).toBe(1);
  });

  it('hands the credential and the request to authenticate, which may take its time', async () => {
    authenticate = async (credential, req) => {
      await new Promise(setImmediate);
      return credential === 'fake-other' && req.get('X-Door') === 'back' ? auditor : null;
    };
    const headers = { Authorization: 'Token fake-other', 'X-Door': 'back' };
    expect(listOf(await ask(`${trail.url}/audit-events`, { as: null, headers })).count).toBe(1);
    expect((await askWith('Token fake-other')).status).toBe(401);
  });

  it.each<[string, () => unknown]>([
    ['null', () => null],
    ['undefined', () => undefined],
    ['a promise of null', async () => null],
  ])('answers 401 when authenticate gives %s', async (_what, give) => {
    authenticate = give as Authenticate;
    const answer = await askWith('Token fake');
    expect([answer.status, answer.body]).toEqual([401, INVALID]);
  });

  it.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('secret of the database');
      },
    ],
    [
      'throws what is no error',
      () => {
        throw 'secret of the database';
      },
    ],
    [
      'throws with a status',
      () => {
        throw Object.assign(new Error('secret of the database'), { status: 200 });
      },
    ],
    [
      'rejects',
      async () => {
        throw new Error('secret of the database');
      },
    ],
    ['gives true', () => true],
    ['gives false', () => false],
    ['gives a text', () => 'auditor'],
    ['gives a reader without id', () => ({ tenants: '*' })],
    ['gives a reader with an empty id', () => ({ id: '', tenants: '*' })],
    ['gives a list of readers', () => [auditor]],
    ['gives one tenant as text', () => ({ id: 'x', tenants: 'a' })],
    ['gives a reader with a key that is none', () => ({ id: 'x', tenants: '*', tenant: 'a' })],
    ['gives tenants that are no texts', () => ({ id: 'x', tenants: [{ $ne: null }] })],
    ['gives null as tenants', () => ({ id: 'x', tenants: null })],
    ['gives null as one tenant', () => ({ id: 'x', tenants: [null] })],
    ['gives a pattern as tenant', () => ({ id: 'x', tenants: [/./] })],
    ['gives an operator as tenants', () => ({ id: 'x', tenants: { $exists: true } })],
  ])('answers 500 without a word about it, and reports it, when authenticate %s', async (_what, give) => {
    authenticate = give as Authenticate;
    for (const path of ['/', `/${stored.uuid}/`]) {
      const answer = await askWith('Token fake', path);
      expect([answer.status, answer.body]).toEqual([500, FAILED]);
    }
    expect((trail.errors as AuditError[]).map(({ code }) => code)).toEqual([
      'AUDIT_CALLBACK_FAILED',
      'AUDIT_CALLBACK_FAILED',
    ]);
    expect(trail.errors[0]?.message).toContain("'authenticate'");
    expect(trail.errors[0]?.message).not.toContain('secret');
  });

  it('takes readers as apps have them: with a number, no email, and members of their own', async () => {
    const reader = { id: 5, email: null, tenants: '*', name: 'Ada', createdAt: new Date() };
    authenticate = (() => reader) as never;
    expect((await askWith('Token fake', '/')).status).toBe(200);
    expect(trail.errors).toEqual([]);
  });
});

describe('staticTokens', () => {
  afterEach(() => jest.restoreAllMocks());
  const request = {} as Parameters<Authenticate>[1];

  it('compares a credential with every token in constant time, whichever fits', () => {
    const compare = jest.spyOn(crypto, 'timingSafeEqual');
    const tokens = ['fake-1', 'fake-2-longer', 'fake-3'];
    const authenticate = staticTokens(Object.fromEntries(tokens.map((token) => [token, { id: token }])));
    for (const credential of [...tokens, 'fake', 'fake-2-longer-still', '']) {
      compare.mockClear();
      expect(authenticate(credential, request)).toEqual(
        tokens.includes(credential) ? { id: credential } : null,
      );
      expect(compare).toHaveBeenCalledTimes(tokens.length);
      for (const [a, b] of compare.mock.calls) expect([a.byteLength, b.byteLength]).toEqual([32, 32]);
    }
  });

  it.each([
    ['no token', {}, 'at least one token'],
    ['an empty token', { '': auditor }, 'environment variable unset'],
    ['an empty token beside another', { 'fake-1': auditor, '': auditor }, 'environment variable unset'],
    ['the token of an unset variable', { [String(undefined)]: auditor }, 'environment variable unset'],
  ])('refuses %s', (_what, tokens, message) => {
    expect(() => staticTokens(tokens)).toThrow(TypeError);
    expect(() => staticTokens(tokens)).toThrow(message);
  });
});

describe('router()', () => {
  const audit = closedAtEnd(createAudit({ mongo: freshUri() }));

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['an empty object', {}],
    ['undefined', { authenticate: undefined }],
    ['a token', { authenticate: 'fake-token' }],
  ])('throws without a function to authenticate, naming the option: %s', (_what, options) => {
    expect(() => audit.router(options as never)).toThrow(
      expect.objectContaining({
        code: 'AUDIT_INVALID_OPTION',
        message: expect.stringContaining("'authenticate'"),
      }),
    );
  });

  it.each<[unknown, string]>([
    ['audit-event', "Did you mean 'audit-events'?"],
    ['toString', 'Known are audit-events'],
    ['', 'Known are audit-events'],
    [null, 'Known are audit-events'],
    [{}, 'Known are audit-events'],
  ])('throws for the unknown dialect %j', (dialect, remedy) => {
    const options = { dialect, authenticate: () => null } as never;
    expect(() => audit.router(options)).toThrow(
      expect.objectContaining({ code: 'AUDIT_INVALID_OPTION', message: expect.stringContaining(remedy) }),
    );
  });

  it.each<[string, string]>([
    ['authentication', 'authenticate'],
    ['dialct', 'dialect'],
  ])('throws for the unknown option %s', (name, near) => {
    const options = { authenticate: () => null, [name]: 1 } as never;
    expect(() => audit.router(options)).toThrow(
      expect.objectContaining({
        code: 'AUDIT_UNKNOWN_OPTION',
        message: expect.stringContaining(`'${near}'`),
      }),
    );
  });
});
