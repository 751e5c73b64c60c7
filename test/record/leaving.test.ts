import { EXPRESSES, startApp, type TestApp } from '../support/app';
import { exchange, get, RawClient } from './raw-client';
import { nextEvent, waitFor } from './wait';

const ABORTED = { outcome: 'aborted', status: 'failure' };
const UPLOAD =
  'Host: a\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"secret": "half of what was to co';

describe.each(EXPRESSES)('a client that leaves, on %s', (_, express) => {
  let app: TestApp;
  let arrivals = 0;

  beforeAll(async () => {
    app = await startApp({
      express,
      build(app, audit, { json }) {
        app.use((_req, _res, next) => {
          arrivals += 1;
          next();
        });
        app.use('/gone', (_req, res, next) => void res.once('close', next));
        app.use('/answered', (_req, res, next) => void res.once('close', next).send('answered'));
        app.use(audit.middleware());
        app.all('/slow', () => {});
        app.use(json());
        app.post('/upload', () => {});
        app.get('/events', (_req, res) => {
          res.writeHead(200, { 'Content-Type': 'text/event-stream' });
          res.write('data: 1\n\n');
        });
        app.get('/begun', (_req, res) => {
          res.status(202).set('Content-Length', '100').write('some');
        });
      },
    });
  });
  afterAll(() => app.close());

  async function leaveAfter(request: string, seen?: string): Promise<void> {
    const before = arrivals;
    const client = await RawClient.connect(app.url);
    client.send(request);
    await waitFor('the request arrives', () => arrivals > before);
    if (seen !== undefined) await client.sees(seen);
    client.leave();
  }

  it('is recorded as aborted, without a status, while the handler waits', async () => {
    const event = await nextEvent(app, () => leaveAfter(get('/slow?a=1')));
    expect(event).toMatchObject({ ...ABORTED, statusCode: null, responseBytes: 0, route: '/slow' });
    expect(event).toMatchObject({ queryParams: { a: '1' }, url: 'http://shop.example/slow?a=1' });
    expect(event.durationMs).toBeGreaterThan(0);
  });

  it.each([
    ['a parser reads', '/upload'],
    ['nobody reads', '/slow'],
  ])('is recorded as aborted in the middle of an upload that %s', async (_case, target) => {
    const event = await nextEvent(app, () => leaveAfter(`POST ${target} HTTP/1.1\r\n${UPLOAD}`));
    expect(event).toMatchObject({ ...ABORTED, postData: null, postDataState: 'unread' });
    expect(JSON.stringify(event)).not.toContain('half of what');
  });

  it('is recorded as aborted, with the status it saw, in the middle of an event stream', async () => {
    const event = await nextEvent(app, () => leaveAfter(get('/events'), 'data: 1'));
    expect(event).toMatchObject({ ...ABORTED, statusCode: 200, route: '/events' });
    expect(event.responseBytes).toBeGreaterThan(100);
  });

  it('is recorded as aborted when it leaves an answer that has begun', async () => {
    const event = await nextEvent(app, () => leaveAfter(get('/begun'), 'some'));
    expect(event).toMatchObject({ ...ABORTED, statusCode: 202 });
  });

  it('is recorded as aborted when the server gives up on a handler that never answers', async () => {
    const event = await nextEvent(app, async () => {
      const before = arrivals;
      const client = await RawClient.connect(app.url);
      client.send(get('/slow'));
      await waitFor('the request arrives', () => arrivals > before);
      expect(app.audit.stats().pending).toBe(0);
      app.server.closeAllConnections();
      expect(await client.end()).toBe('');
    });
    expect(event).toMatchObject({ ...ABORTED, statusCode: null, route: '/slow' });
  });

  it('is recorded though it was gone before the audit saw the request', async () => {
    const event = await nextEvent(app, () => leaveAfter(get('/gone')));
    expect(event).toMatchObject({ ...ABORTED, statusCode: null });
  });

  it('is recorded though the answer was over before the audit saw the request', async () => {
    const event = await nextEvent(app, () => exchange(app.url, get('/answered')));
    expect(event).toMatchObject({ outcome: 'completed', statusCode: 200, responseBytes: null });
  });
});
