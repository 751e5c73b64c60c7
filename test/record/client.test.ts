import { EXPRESSES, startApp, type TestApp } from '../support/app';
import { exchange, get } from './raw-client';
import { nextEvent } from './wait';

const WINDOWS = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64)';
const IPHONE =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)';
const browser = (name: string, os: string, device: string | null = null) => ({
  browser: name,
  os,
  device,
  kind: device === null ? 'browser' : 'mobile',
});
const api = (name: string) => ({ browser: name, os: null, device: null, kind: 'api' });

describe.each(EXPRESSES)('the client of a request on %s', (_, express) => {
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

  it.each<[string, object]>([
    [
      `${WINDOWS} AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36`,
      browser('Chrome 126', 'Windows 10'),
    ],
    [
      `${WINDOWS} AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 Edg/126.0.2592.87`,
      browser('Edge 126', 'Windows 10'),
    ],
    [
      'Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0',
      browser('Firefox 127', 'Linux'),
    ],
    [
      `${IPHONE} Version/17.5 Mobile/15E148 Safari/604.1`,
      browser('Mobile Safari 17', 'iOS 17.5', 'Apple iPhone'),
    ],
    [
      'Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36',
      browser('Chrome 126', 'Android 14', 'Google Pixel 8'),
    ],
    [
      'Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/16.6 Mobile/15E148 Safari/604.1',
      { device: 'Apple iPad', kind: 'tablet' },
    ],
    ['Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)', { kind: 'bot' }],
    ['Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)', { kind: 'bot' }],
    [
      `${WINDOWS} AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/126.0.0.0 Safari/537.36`,
      { kind: 'bot' },
    ],
    ['curl/8.7.1', api('curl 8.7.1')],
    ['Wget/1.21.4', api('Wget 1.21.4')],
    ['PostmanRuntime/7.39.0', api('Postman 7.39.0')],
    ['okhttp/4.12.0', api('okhttp 4.12.0')],
    ['axios/1.7.2', api('axios 1.7.2')],
    ['node', api('node')],
    ['undici', api('node')],
    ['node-fetch/1.0 (+https://github.com/bitinn/node-fetch)', api('node-fetch 1.0')],
    ['python-requests/2.32.3', api('python-requests 2.32.3')],
    ['python-httpx/0.27.0', api('httpx 0.27.0')],
    ['Python/3.12 aiohttp/3.9.5', api('aiohttp 3.9.5')],
    ['Go-http-client/2.0', api('go 2.0')],
    ['got (https://github.com/sindresorhus/got)', api('got')],
    ['Faraday v2.9.0', api('ruby 2.9.0')],
    ['Apache-HttpClient/4.5.14 (Java/17.0.11)', api('java 4.5.14')],
    ['something of our own', { browser: null, os: null, device: null, kind: 'unknown' }],
  ])('is told by its User-Agent: %s', async (agent, client) => {
    const event = await nextEvent(app, () => exchange(app.url, get('/', [`User-Agent: ${agent}`])));
    expect(event.userAgent).toBe(agent);
    expect(event.client).toMatchObject(client);
  });

  it.each([
    ['absent', [], null],
    ['empty', ['User-Agent:'], ''],
  ])('is null where the User-Agent is %s', async (_case, lines, userAgent) => {
    const event = await nextEvent(app, () => exchange(app.url, get('/', lines)));
    expect(event).toMatchObject({ userAgent, client: null });
  });

  it('is told by the first 512 characters, and quickly', async () => {
    const agent = `curl/8.7.1 ${'Mozilla/5.0 (('.repeat(500)}`;
    const event = await nextEvent(app, () => exchange(app.url, get('/', [`User-Agent: ${agent}`])));
    expect(event).toMatchObject({ userAgent: agent.slice(0, 512), client: api('curl 8.7.1') });
  });

  it('is the same however many programs came before', async () => {
    const agents = Array.from({ length: 510 }, (_, i) => `curl/${i}.0.0`);
    const before = app.audit.stats().captured;
    const requests = agents.map((agent) => get('/', [`User-Agent: ${agent}`]));
    await exchange(app.url, requests.join('').replaceAll('close', 'keep-alive') + get('/nowhere'));
    const events = (await app.events()).slice(before, before + agents.length);
    expect(events.map(({ client }) => client)).toEqual(agents.map((agent) => api(agent.replace('/', ' '))));
    const again = await nextEvent(app, () => exchange(app.url, get('/', ['User-Agent: curl/0.0.0'])));
    expect(again.client).toEqual(api('curl 0.0.0'));
  });
});
