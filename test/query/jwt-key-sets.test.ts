import { jwt } from '../../lib/index';
import { EXPRESSES } from '../support/app';
import { type JwtTrail, startJwtTrail, TENANTS } from './jwt-trail';
import { jwkOf, KEYS, type KeyPair, type KeyServer, startKeyServer, tokenOf } from './tokens';
import { closedAtEnd } from './trail';

describe.each(EXPRESSES)('jwt() with the keys that an issuer publishes on %s', (_, express) => {
  let trail: JwtTrail;
  beforeAll(async () => {
    trail = await startJwtTrail(express);
  });

  let server: KeyServer;
  const published = (id: string, { publicKey }: KeyPair = KEYS['P-256']) =>
    jwkOf(publicKey, { kid: id, use: 'sig' });
  const signed = (kid?: string, { privateKey }: KeyPair = KEYS['P-256']) =>
    tokenOf({
      alg: privateKey.asymmetricKeyType === 'rsa' ? 'RS256' : 'ES256',
      key: privateKey,
      header: { kid },
    });
  const open = () => jwt({ jwksUri: server.uri, algorithms: ['ES256', 'RS256'] });

  beforeEach(async () => {
    server = closedAtEnd(await startKeyServer({ keys: [published('1')] }));
  });
  afterEach(() => {
    jest.restoreAllMocks();
    return server.close();
  });

  it('fetches them once for many tokens, and none before the first', async () => {
    trail.use(open());
    expect(server.requests()).toBe(0);
    for (let count = 0; count < 3; count++) await trail.expectCount(signed('1'), TENANTS.length);
    await trail.expectRefused(signed('1', KEYS.RSA));
    expect(server.requests()).toBe(1);
  });

  it('follows when the issuer changes its key', async () => {
    trail.use(open());
    await trail.expectCount(signed('1'), TENANTS.length);
    server.answer = { keys: [published('2', KEYS.RSA)] };
    const start = Date.now();
    jest.spyOn(Date, 'now').mockImplementation(() => start + 31_000);
    await trail.expectCount(signed('2', KEYS.RSA), TENANTS.length);
    await trail.expectRefused(signed('1'));
    expect(server.requests()).toBe(2);
  });

  it('does not ask the issuer again for every made-up key', async () => {
    trail.use(open());
    for (let count = 0; count < 5; count++) await trail.expectRefused(signed(`made-up-${count}`));
    expect(server.requests()).toBe(1);
  });

  it('does not ask the issuer for a token that cannot be good', async () => {
    trail.use(open());
    await trail.expectRefused('fake');
    await trail.expectRefused(tokenOf({ header: { kid: '1' } }));
    await trail.expectRefused(tokenOf({ alg: 'none', key: null }));
    expect(server.requests()).toBe(0);
  });

  it('takes a token that does not name its key when one of several fits', async () => {
    const other = published('2', KEYS['another P-256']);
    server.answer = { keys: [other, published('1'), published('3', KEYS.RSA)] };
    trail.use(open());
    await trail.expectCount(signed(undefined), TENANTS.length);
    const [head, body, end = ''] = signed(undefined).split('.');
    await trail.expectRefused([head, body, `${end.startsWith('A') ? 'B' : 'A'}${end.slice(1)}`].join('.'));
  });

  it.each<[string, (server: KeyServer) => unknown]>([
    ['is not there', (server) => server.close()],
    ['fails', (server) => (server.answer = { status: 500 })],
    ['points elsewhere', (server) => (server.answer = { status: 302 })],
    ['says what is no JSON', (server) => (server.answer = '<html>')],
    ['says what is no key set', (server) => (server.answer = '{"keys":{}}')],
    [
      'publishes its private key',
      (server) => (server.answer = { keys: [jwkOf(KEYS['P-256'].privateKey, { kid: '1' })] }),
    ],
  ])('answers 500 and reports it when the issuer %s', async (_what, spoil) => {
    await spoil(server);
    trail.use(open());
    const message = String(await trail.expectFailed(signed('1')));
    expect(message).toContain(server.uri.split('?')[0]);
    expect(message).not.toContain('fake=secret');
  });

  it('answers again when the issuer is there again', async () => {
    server.answer = { status: 503 };
    trail.use(open());
    await trail.expectFailed(signed('1'));
    server.answer = { keys: [published('1')] };
    await trail.expectCount(signed('1'), TENANTS.length);
  });
});
