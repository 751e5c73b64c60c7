import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import compression from 'compression';
import type { ErrorRequestHandler, Express } from 'express';
import multer from 'multer';
import { EXPRESSES, startApp, type TestApp } from '../support/app';
import { exchange, get, post } from './raw-client';

const MULTIPART =
  '--xyz\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--xyz\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\nbytes\r\n--xyz--\r\n';
const FORM = 'application/x-www-form-urlencoded';
const folder = mkdtempSync(join(tmpdir(), 'same-bytes-'));
writeFileSync(join(folder, 'file.txt'), 'text of a file, '.repeat(500));
afterAll(() => rmSync(folder, { recursive: true }));

function addHandlers(app: Express): void {
  app.get('/json', (_req, res) => void res.json({ a: 1 }));
  app.get('/cookies', (_req, res) => void res.cookie('a', '1').cookie('b', '2').send('ok'));
  app.get('/redirect', (_req, res) => res.redirect('/json'));
  app.get('/file', (_req, res) => res.sendFile(join(folder, 'file.txt'), { lastModified: false }));
  app.get('/large', (_req, res) => void res.send('compress me '.repeat(1_000)));
  app.get('/chunks', (_req, res) => {
    res.write('one');
    res.write('two');
    res.end('three');
  });
  app.get('/trailers', (_req, res) => {
    res.writeHead(200, { Trailer: 'X-Sum' });
    res.write('body');
    res.addTrailers({ 'X-Sum': '4' });
    res.end();
  });
  app.get(
    '/head',
    (_req, res) => void res.writeHead(201, 'Made', { 'X-A': '1', 'x-b': ['2', '3'] }).end('made'),
  );
  app.get(
    '/head-list',
    (_req, res) => void res.writeHead(200, ['X-A', '1', 'x-b', '2', 'x-b', '3']).end('list'),
  );
  app.get('/hints', (_req, res) => {
    res.writeEarlyHints({ link: '</a.css>; rel=preload' });
    res.end('hinted');
  });
  app.get('/empty', (_req, res) => void res.status(204).end());
  app.get('/twice', (_req, res) => {
    res.end('once');
    res.end();
  });
  app.get('/bad-status', (_req, res) => {
    res.statusCode = 12_345;
    res.end();
  });
  app.get('/bad-header', (_req, res) => void res.writeHead(200, { 'x-a': 'b\nc' }).end());
  app.get('/half', (_req, res, next) => {
    res.write('half');
    next(new Error('broken off'));
  });
  app.get('/throws', () => {
    throw new Error('boom');
  });
  app.get('/next', (_req, _res, next) => next());
  app.get('/query', (req, res) => void res.json(req.query));
  app.get('/items/:id', (req, res) => void res.json({ ...req.params, ip: req.ip, host: req.hostname }));
  app.all(
    '/keys',
    (req, res) =>
      void res.json(
        Object.keys(req)
          .filter((key) => key !== 'audit')
          .sort(),
      ),
  );
  app.all('/echo', (req, res) => void res.json({ body: req.body, has: 'body' in req, headers: req.headers }));
  app.post(
    '/upload',
    multer().single('f'),
    (req, res) => void res.json({ ...req.body, size: req.file?.size }),
  );
  app.post('/drain', (req, res) => {
    let length = 0;
    req.on('data', (chunk: Buffer) => {
      length += chunk.length;
    });
    req.on('end', () => res.json({ length }));
  });
}

const answerError: ErrorRequestHandler = (error, _req, res, next) =>
  res.headersSent ? next(error) : void res.status(error.status ?? 500).json({ error: error.message });

const REQUESTS: readonly (readonly [string, string | Buffer])[] = [
  ['JSON', get('/json')],
  ['HEAD', get('/json', [], 'HEAD')],
  ['OPTIONS', get('/json', [], 'OPTIONS')],
  ['an unknown path', get('/nowhere')],
  ['a fresh ETag', get('/json', ['If-None-Match: W/"7-cpJ0o6iVJDh6pbpmYS8mRDuoPFI"', 'If-None-Match: *'])],
  ['cookies', get('/cookies')],
  ['a redirect', get('/redirect')],
  ['a file', get('/file')],
  ['a range', get('/file', ['Range: bytes=10-20'])],
  ['several ranges', get('/file', ['Range: bytes=0-1,5-6'])],
  ['an unsatisfiable range', get('/file', ['Range: bytes=999999-'])],
  ['compression', get('/large', ['Accept-Encoding: gzip'])],
  ['chunks', get('/chunks')],
  ['chunks to HTTP/1.0', 'GET /chunks HTTP/1.0\r\n\r\n'],
  ['trailers', get('/trailers')],
  ['a head with a reason', get('/head')],
  ['a head as a list', get('/head-list')],
  ['early hints', get('/hints')],
  ['no content', get('/empty')],
  ['two ends', get('/twice')],
  ['an invalid status', get('/bad-status')],
  ['an invalid header', get('/bad-header')],
  ['a broken-off answer', get('/half')],
  ['a throw', get('/throws')],
  ['a handler that passes', get('/next')],
  ['a query', get('/query?a=1&a=2&b[c]=3&__proto__=4&%zz')],
  ['a parameter', get('/items/7', ['X-Forwarded-For: 1.2.3.4', 'X-Forwarded-Host: evil.example'])],
  ['a broken parameter', get('/items/%E0%A4%A')],
  ['absolute form', get('http://other.example/items/7')],
  ['own keys of the request', get('/keys')],
  ['own keys after a body', post('/keys', '{}')],
  ['a JSON body', post('/echo', '{"a":1,"__proto__":{"b":2}}')],
  ['an empty JSON body', post('/echo', '{}')],
  ['a broken JSON body', post('/echo', '{"a":')],
  ['a JSON body that is too large', post('/echo', JSON.stringify('x'.repeat(200_000)))],
  ['a form', post('/echo', 'a=1&b[c]=2', FORM)],
  ['a body of another type', post('/echo', 'text', 'text/plain')],
  ['an upload', post('/upload', MULTIPART, 'multipart/form-data; boundary=xyz')],
  ['a stream', post('/drain', 'z'.repeat(300_000), 'application/octet-stream')],
  ['Expect', post('/echo', '{"a":1}').toString().replace('\r\n', '\r\nExpect: 100-continue\r\n')],
  ['pipelining', get('/json').replace('close', 'keep-alive').repeat(3) + get('/chunks')],
  ['a malformed request', 'GET / HTTP/1.1\r\nbroken header\r\n\r\n'],
  ['an upgrade nobody serves', get('/json', ['Upgrade: demo']).replace('close', 'close, Upgrade')],
];

type Place = 'in front' | 'behind' | 'absent';

describe.each(EXPRESSES)('an app on %s answers byte for byte as without the audit', (_, express) => {
  const apps: TestApp[] = [];
  afterAll(async () => {
    for (const app of apps) await app.close();
  });

  async function start(
    place: Place,
    options: { readonly header: boolean },
    hidden: boolean,
  ): Promise<string> {
    const app = await startApp({
      express,
      options: { ...options, ensureIndexes: false },
      build(app, audit, { json, urlencoded }) {
        if (hidden) app.disable('x-powered-by');
        if (place === 'in front') app.use(audit.middleware());
        app.use(compression(), json(), urlencoded({ extended: true }));
        if (place === 'behind') app.use(audit.middleware());
        addHandlers(app);
        if (place !== 'absent') app.use(audit.errors());
        app.use(answerError);
      },
    });
    apps.push(app);
    return app.url;
  }

  const undated = (answer: string): string => answer.replace(/^Date: .*$/gm, 'Date: then');
  const unnamed = (answer: string): string => answer.replace(/^X-Audit-Id: [0-9a-f-]{36}\r\n/gm, '');

  describe.each([
    ['in front of the parsers', 'in front', true, false],
    ['behind the parsers', 'behind', true, false],
    ['with header: false', 'in front', false, false],
    ['without X-Powered-By', 'in front', true, true],
  ] as const)('%s', (_place, place, header, hidden) => {
    let plain: string;
    let audited: string;
    beforeAll(async () => {
      [plain, audited] = await Promise.all([
        start('absent', { header }, hidden),
        start(place, { header }, hidden),
      ]);
    });

    it(`${header ? 'names' : 'does not name'} the event in X-Audit-Id`, async () => {
      const ids = (await exchange(audited, get('/json'))).match(/^X-Audit-Id: [0-9a-f-]{36}\r$/gm);
      expect(ids?.length ?? 0).toBe(header ? 1 : 0);
    });

    it.each(REQUESTS)('%s', async (_case, request) => {
      const expected = undated(await exchange(plain, request));
      const answer = undated(await exchange(audited, request));
      expect(header ? unnamed(answer) : answer).toBe(expected);
    });
  });
});
