import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import compression from 'compression';
import { EXPRESSES, startApp, type TestApp } from '../support/app';
import { exchange, get, post, RawClient } from './raw-client';
import { nextEvent } from './wait';

const folder = mkdtempSync(join(tmpdir(), 'response-bytes-'));
const small = join(folder, 'small.txt');
const large = join(folder, 'large.bin');
writeFileSync(small, '0123456789'.repeat(1_000));
writeFileSync(large, Buffer.alloc(50_000_000));
afterAll(() => rmSync(folder, { recursive: true }));

const HTTP_1_0 = 'GET /chunks HTTP/1.0\r\n\r\n';

describe.each(EXPRESSES)('responseBytes on %s', (_, express) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp({
      express,
      build(app, audit, { json }) {
        app.use(audit.middleware(), compression(), json());
        app.get('/small', (_req, res) => res.sendFile(small));
        app.get('/large', (_req, res) => res.sendFile(large));
        app.get('/text', (_req, res) => void res.send('compress me '.repeat(1_000)));
        app.get('/chunks', (_req, res) => {
          for (let i = 0; i < 20; i++) res.write(`chunk ${i}, `.repeat(1_000));
          res.end();
        });
        app.get('/empty', (_req, res) => void res.status(204).end());
        app.get('/fresh', (_req, res) => void res.set('ETag', '"1"').send('fresh'));
        app.get('/moved', (_req, res) => res.redirect('/text'));
        app.post('/echo', (req, res) => void res.json(req.body));
      },
    });
  });
  afterAll(() => app.close());

  it.each<[string, string | Buffer, number]>([
    ['a text', get('/text'), 200],
    ['a compressed text', get('/text', ['Accept-Encoding: gzip']), 200],
    ['HEAD', get('/text', [], 'HEAD'), 200],
    ['chunks', get('/chunks'), 200],
    ['HTTP/1.0', HTTP_1_0, 200],
    ['a file', get('/small'), 200],
    ['a range', get('/small', ['Range: bytes=10-20']), 206],
    ['a range that cannot be', get('/small', ['Range: bytes=99999-']), 416],
    ['no content', get('/empty'), 204],
    ['an unchanged text', get('/fresh', ['If-None-Match: "1"']), 304],
    ['a redirect', get('/moved'), 302],
    ['an answer to a body', post('/echo', '{"a":[1,2,3]}'), 200],
    ['an error of Express', post('/echo', '{"a":'), 400],
    ['an unknown path', get('/nowhere'), 404],
  ])('are those that the client received: %s', async (_case, request, statusCode) => {
    let received = '';
    const event = await nextEvent(app, async () => {
      received = await exchange(app.url, request);
    });
    expect(event).toMatchObject({ statusCode, responseBytes: received.length, outcome: 'completed' });
    expect(event.durationMs).toBeGreaterThan(0);
  });

  it('are fewer than the file when the client leaves in the middle of it', async () => {
    const event = await nextEvent(app, async () => {
      const client = await RawClient.connect(app.url);
      client.send(get('/large'));
      await client.sees('HTTP/1.1 200');
      client.leave();
    });
    expect(event).toMatchObject({ outcome: 'aborted', status: 'failure', statusCode: 200 });
    expect(event.responseBytes).toBeGreaterThan(0);
    expect(event.responseBytes).toBeLessThan(50_000_000);
  });
});
