import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { EXPRESSES, startApp, type TestApp } from '../support/app';
import { exchange, get, RawClient } from './raw-client';
import { nextEvent } from './wait';

const LOCAL = '127.0.0.1';
const FORWARDED = [
  'X-Forwarded-For: 203.0.113.7, 198.51.100.1',
  'X-Forwarded-Proto: https',
  'X-Forwarded-Host: shop.example.org, inner.example',
];
const INTERFACES = Object.values(networkInterfaces()).flat();
/** Not every machine has IPv6. */
const LOOPBACKS = [
  [LOCAL, LOCAL],
  ['::1', '[::1]'],
].filter(([address]) => INTERFACES.some((one) => one?.address === address));
const throwing = (): boolean => {
  throw new Error('the list of proxies is not loaded yet');
};

describe.each(EXPRESSES)('the address of a request on %s', (_, express) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp({
      express,
      build(app, audit) {
        app.use(audit.middleware());
        app.use((_req, res) => void res.send('ok'));
      },
    });
  });
  afterAll(() => app.close());

  async function eventWith(trust: unknown, lines: readonly string[]) {
    app.app.set('trust proxy', trust);
    const event = await nextEvent(app, async () => {
      expect(await exchange(app.url, get('/x', lines))).toContain('200 OK');
    });
    return event;
  }

  it.each([
    ['no trust proxy', false, LOCAL, 'http://shop.example/x'],
    ['trust proxy: everyone', true, '203.0.113.7', 'https://shop.example.org/x'],
    ['trust proxy: one hop', 1, '198.51.100.1', 'https://shop.example.org/x'],
    ['trust proxy: two hops', 2, '203.0.113.7', 'https://shop.example.org/x'],
    ['trust proxy: this one', 'loopback', '198.51.100.1', 'https://shop.example.org/x'],
    ['trust proxy: another', '192.0.2.1', LOCAL, 'http://shop.example/x'],
    ['trust proxy: a function', () => true, '203.0.113.7', 'https://shop.example.org/x'],
    ['trust proxy: a function that throws', throwing, null, 'http://shop.example/x'],
  ])('obeys %s', async (_case, trust, remoteAddr, url) => {
    const event = await eventWith(trust, FORWARDED);
    expect(event).toMatchObject({ remoteAddr, peerAddr: LOCAL, url, host: new URL(url).host });
  });

  it.each([
    ['an IPv4 address', '203.0.113.7', '203.0.113.7'],
    ['an IPv4-mapped address', '::ffff:10.0.0.1', '10.0.0.1'],
    ['a long IPv6 address', '2001:0DB8:0000:0000:0000:0000:0000:0001', '2001:db8::1'],
    ['an address with a zone', 'fe80::1%eth0', 'fe80::1%eth0'],
    ['an address with a port', '203.0.113.7:4711', null],
    ['an IPv6 address with a port', '[2001:db8::1]:4711', null],
    ['a name', 'client.example', null],
    ['"unknown"', 'unknown', null],
    ['markup', '<img src=x onerror=alert(1)>', null],
    ['8 KB of garbage', 'x'.repeat(8_192), null],
    ['octal digits', '010.0.0.1', null],
  ])('under trust proxy is canonical, or null where it is none: %s', async (_case, forwarded, remoteAddr) => {
    const event = await eventWith(true, [`X-Forwarded-For: ${forwarded}`]);
    expect(event).toMatchObject({ remoteAddr, peerAddr: LOCAL });
  });

  it.each([
    ['is absurd', 'X-Forwarded-Host: a b<>', 'http://shop.example/x'],
    ['has a path', 'X-Forwarded-Host: evil.example/path', 'http://shop.example/x'],
    ['has a port', 'X-Forwarded-Host: shop.example.org:8443', 'http://shop.example.org:8443/x'],
    ['comes with an absurd protocol', 'X-Forwarded-Proto: javascript', 'http://shop.example/x'],
  ])('under trust proxy has a valid url where the forwarded host %s', async (_case, line, url) => {
    expect(await eventWith(true, [line])).toMatchObject({ url });
  });

  it('is null on a unix socket', async () => {
    app.app.set('trust proxy', false);
    const folder = mkdtempSync(join(tmpdir(), 'socket-'));
    const path = join(folder, 's');
    const server = createServer(app.app);
    await new Promise<void>((resolve) => server.listen(path, resolve));
    const event = await nextEvent(app, async () => {
      const client = await RawClient.open({ path });
      client.send('GET /x HTTP/1.0\r\n\r\n');
      await client.end();
    });
    expect(event).toMatchObject({ remoteAddr: null, peerAddr: null, host: 'localhost' });
    expect(event.url).toBe('http://localhost/x');
    await new Promise((resolve) => server.close(resolve));
    rmSync(folder, { recursive: true });
  });

  it.each(LOOPBACKS)('is that of the socket, in the url too: %s', async (address, host) => {
    const server = createServer(app.app);
    await new Promise<void>((resolve) => server.listen(0, address, resolve));
    const url = `http://${host}:${(server.address() as AddressInfo).port}`;
    const event = await nextEvent(app, () => exchange(url, 'GET /x HTTP/1.0\r\n\r\n'));
    expect(event).toMatchObject({ remoteAddr: address, peerAddr: address, url: `${url}/x` });
    await new Promise((resolve) => server.close(resolve));
  });
});
