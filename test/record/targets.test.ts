import { EXPRESSES, startApp, type TestApp } from '../support/app';
import { exchange, get } from './raw-client';
import { nextEvent } from './wait';

/** RFC 3986, appendix A, as far as an absolute URI with an authority goes. */
const URI =
  /^https?:\/\/(?:[\w.~!$&'()*+,;=:-]|%[\dA-F]{2})*@?(?:\[[\dA-F:.]+\]|(?:[\w.~!$&'()*+,;=-]|%[\dA-F]{2})*)(?::\d*)?(?:\/(?:[\w.~!$&'()*+,;=:@/-]|%[\dA-F]{2})*)?(?:\?(?:[\w.~!$&'()*+,;=:@/?-]|%[\dA-F]{2})*)?(?:#(?:[\w.~!$&'()*+,;=:@/?-]|%[\dA-F]{2})*)?$/i;

const SHOP = 'http://shop.example';

describe.each(EXPRESSES)('the url of a request on %s', (_, express) => {
  let app: TestApp;
  let local: string;

  beforeAll(async () => {
    app = await startApp({
      express,
      server: { maxHeaderSize: 256 * 1024 },
      build(app, audit) {
        app.use(audit.middleware());
        app.get('/items/:id', (req, res) => void res.send(req.params.id));
        app.use((_req, res) => void res.status(404).end());
      },
    });
    local = new URL(app.url).host;
  });
  afterAll(() => app.close());

  it.each([
    ['in origin form', '/items/7?a=1&b=', `${SHOP}/items/7?a=1&b=`],
    ['in absolute form', 'http://other.example:81/items/7?a=1', 'http://other.example:81/items/7?a=1'],
    ['in absolute form, of another scheme', 'ftp://other.example/x', 'http://other.example/x'],
    ['in absolute form without a path', 'http://other.example', 'http://other.example'],
    ['with two slashes', '//evil.example/x', `${SHOP}//evil.example/x`],
    ['with a broken escape', '/items/%E0%A4%A', `${SHOP}/items/%E0%A4%25A`],
    ['with a lone percent sign', '/items/7?a=100%&b=%zz', `${SHOP}/items/7?a=100%25&b=%25zz`],
    ['with what no URI may hold', '/a"<b>|{c}[d]^`\\', `${SHOP}/a%22%3Cb%3E%7C%7Bc%7D%5Bd%5D%5E%60%5C`],
    ['with two fragments', '/a#b#c', `${SHOP}/a#b%23c`],
  ])('is an absolute URI %s', async (_case, target, url) => {
    const event = await nextEvent(app, () => exchange(app.url, get(target)));
    expect(event).toMatchObject({ url, truncated: [] });
    expect(event.url).toMatch(URI);
    expect(event.host).toBe(new URL(url).host);
  });

  it.each([
    ['a name', 'Shop.Example', 'Shop.Example'],
    ['a name and a port', 'shop.example:8080', 'shop.example:8080'],
    ['an IPv6 address', '[::1]:3000', '[::1]:3000'],
    ['no IPv6 address', '[::::]', null],
    ['no port', 'shop.example:99999', null],
    ['nothing', '', null],
    ['a path', 'shop.example/admin', null],
    ['user information', 'user@shop.example', null],
    ['markup', '"><img onerror=alert(1)>', null],
    ['a space', 'shop example', null],
    ['8 KB of garbage', 'a'.repeat(8_192), null],
  ])('has the host of the Host header, or else the address of the socket: %s', async (_case, host, kept) => {
    const request = `GET /items/7 HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
    const event = await nextEvent(app, () => exchange(app.url, request));
    const expected = kept ?? local;
    expect(event).toMatchObject({ host: expected, url: `http://${expected}/items/7` });
    expect(event.url).toMatch(URI);
  });

  it.each([
    ['http://[::::]/x', '/x'],
    ['http://a%22b/x', '/x'],
    ['http://a:99999/x?y=1', '/x?y=1'],
  ])('has the host of the Host header where that of the target is absurd: %s', async (target, path) => {
    const event = await nextEvent(app, () => exchange(app.url, get(target)));
    expect(event).toMatchObject({ host: 'shop.example', url: `${SHOP}${path}` });
  });

  it('has the address of the socket for HTTP/1.0 without Host', async () => {
    const event = await nextEvent(app, () => exchange(app.url, 'GET /items/7 HTTP/1.0\r\n\r\n'));
    expect(event).toMatchObject({ host: local, url: `http://${local}/items/7`, statusCode: 200 });
  });

  it('is cut at 1,000 characters of a 64 KB target, and says so', async () => {
    const event = await nextEvent(app, () => exchange(app.url, get(`/items/7?q=${'x'.repeat(65_536)}`)));
    expect(event.url).toBe(`${SHOP}/items/7?q=`.padEnd(1_000, 'x'));
    expect(event.truncated).toContain('url');
    expect(event).toMatchObject({ statusCode: 200, route: '/items/:id', object: { id: '7' } });
  });

  it.each([
    ['%41', 1],
    ['%C3%A9', 2],
    ['%E2%82%AC', 3],
    ['%F0%9F%98%80', 4],
  ])('is cut between whole characters of %j', async (character, bytes) => {
    for (let shift = 0; shift < bytes * 3; shift++) {
      const target = `/${'a'.repeat(shift)}${character.repeat(400)}`;
      const event = await nextEvent(app, () => exchange(app.url, get(target)));
      const url = event.url ?? '';
      expect(url).toMatch(URI);
      expect(() => decodeURIComponent(url)).not.toThrow();
      expect(url.length).toBeLessThanOrEqual(1_000);
      expect(url.length).toBeGreaterThan(1_000 - bytes * 3);
    }
  });
});
