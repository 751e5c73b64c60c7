import type { Express, RequestHandler } from 'express';
import multer from 'multer';
import { EXPRESSES, startApp, type TestApp } from '../support/app';
import { exchange, get, post, RawClient } from './raw-client';
import { nextEvent } from './wait';

const FORM = 'application/x-www-form-urlencoded';
const MULTIPART = 'multipart/form-data; boundary=xyz';
const part = (name: string, value: string, more = ''): string =>
  `--xyz\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n${value}\r\n`;
const UPLOAD = `${part('title', 'Holiday')}${part('photo', 'FAKE-IMAGE-BYTES', '; filename="a.jpg"')}--xyz--\r\n`;
const FILE_ONLY = `${part('photo', 'FAKE-IMAGE-BYTES', '; filename="a.jpg"')}--xyz--\r\n`;

const drain: RequestHandler = (req, res) => {
  req.resume();
  req.once('end', () => res.send('drained'));
};
/** A parser of somebody's own, which fills what it assigned. */
const lines: RequestHandler = (req, _res, next) => {
  const body: Record<string, string> = {};
  req.body = body;
  req.on('data', (chunk: Buffer) => {
    body[`line${Object.keys(body).length}`] = chunk.toString();
  });
  req.once('end', next);
};
const forget: RequestHandler = (req, res) => {
  for (const key of Object.keys(req.body)) req.body[key] = 'forgotten';
  res.json(req.body);
};

function addRoutes(app: Express, { json, urlencoded, text, raw }: typeof import('express')): void {
  const done: RequestHandler = (_req, res) => void res.send('done');
  app.post('/strict', json(), done);
  app.all('/json', json({ strict: false, limit: '1mb' }), done);
  app.post('/form', urlencoded({ extended: true }), done);
  app.post('/text', text({ type: '*/*' }), done);
  app.post('/raw', raw({ type: '*/*', limit: '50mb' }), done);
  app.post('/upload', multer().single('photo'), done);
  app.post('/upload-forgotten', multer().single('photo'), forget);
  app.post('/lines', lines, forget);
  app.post('/drain', drain);
  app.post('/ignored', done);
  app.post('/own', (req, res) => {
    Object.defineProperty(req, 'body', { value: { own: true }, configurable: true });
    res.json(req.body);
    res.app.set('body after', req.body);
  });
}

describe.each(EXPRESSES)('the body of a request on %s', (_, express) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp({
      express,
      build(app, audit, framework) {
        app.use(audit.middleware());
        addRoutes(app, framework);
      },
    });
  });
  afterAll(() => app.close());

  it.each<[string, string, string | Buffer, string, string, unknown]>([
    ['an empty object', '/json', '{}', 'application/json', 'captured', {}],
    ['an empty list', '/json', '[]', 'application/json', 'captured', []],
    ['an empty string', '/json', '""', 'application/json', 'captured', ''],
    ['zero', '/json', '0', 'application/json', 'captured', 0],
    ['null', '/json', 'null', 'application/json', 'captured', null],
    ['false', '/json', 'false', 'application/json', 'captured', false],
    ['a form', '/form', 'a=1&b[c]=2', FORM, 'captured', { a: '1', b: { c: '2' } }],
    ['a text', '/text', 'plain', 'text/plain', 'captured', 'plain'],
    ['broken JSON', '/strict', '{"a":', 'application/json', 'unread', null],
    ['JSON for a parser of forms', '/form', '{"a":1}', 'application/json', 'unread', null],
    ['JSON that nobody reads', '/ignored', '{"a":1}', 'application/json', 'unread', null],
    ['JSON that is thrown away', '/drain', '{"a":1}', 'application/json', 'unread', null],
    ['an upload, by its fields', '/upload', UPLOAD, MULTIPART, 'captured', { title: 'Holiday' }],
    ['an upload without fields', '/upload', FILE_ONLY, MULTIPART, 'captured', {}],
    ['an upload, before a handler', '/upload-forgotten', UPLOAD, MULTIPART, 'captured', { title: 'Holiday' }],
    ['what a parser fills in', '/lines', 'first', 'text/plain', 'captured', { line0: 'first' }],
  ])('is told apart: %s', async (_case, path, body, type, state, value) => {
    const event = await nextEvent(app, () => exchange(app.url, post(path, body, type)));
    expect({ state: event.postDataState, value: event.postData }).toEqual({ state, value });
    expect(JSON.stringify(event)).not.toContain('FAKE-IMAGE-BYTES');
  });

  it.each([
    ['a GET', get('/json')],
    ['a POST of nothing', post('/json', '')],
  ])('is told apart: none, of %s', async (_case, request) => {
    const event = await nextEvent(app, () => exchange(app.url, request));
    expect(event).toMatchObject({ postData: null, postDataState: 'absent' });
  });

  it('is recorded by its size where it is bytes', async () => {
    const event = await nextEvent(app, () => exchange(app.url, post('/raw', Buffer.alloc(20_000_000, 'x'))));
    expect(event).toMatchObject({ postDataState: 'captured', statusCode: 200 });
    expect(event.postData).toMatch(/^\[Buffer: 20000000 bytes\b/);
  });

  it('is never gathered from a stream, however long', async () => {
    const megabyte = `100000\r\n${'z'.repeat(0x100000)}\r\n`;
    const before = process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed;
    let most = 0;
    const event = await nextEvent(app, async () => {
      const client = await RawClient.connect(app.url);
      client.send(
        'POST /drain HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n',
      );
      for (let i = 0; i < 200; i++) {
        await client.sendAll(megabyte);
        most = Math.max(most, process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed);
      }
      client.send('0\r\n\r\n');
      await client.end();
    });
    expect(event).toMatchObject({ postData: null, postDataState: 'unread', statusCode: 200 });
    expect(most - before).toBeLessThan(150_000_000);
  });

  it('stays as an app has defined it for itself', async () => {
    await nextEvent(app, () => exchange(app.url, post('/own', '{"a":1}')));
    expect(app.app.get('body after')).toEqual({ own: true });
  });
});
