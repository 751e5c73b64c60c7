import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import busboy from 'busboy';
import express5, { type ErrorRequestHandler, type Express, type RequestHandler } from 'express';
import multer from 'multer';
import type { Audit, AuditOptions } from '../../lib/index';
import { NODE_FS, type SpoolFs } from '../../lib/record/spool/fs';
import { expectBalance, until } from '../delivery/harness';
import { RawClient } from '../record/raw-client';
import { EXPRESSES, startApp, type TestApp } from '../support/app';

let directory: string;
let app: TestApp;
const rejections: unknown[] = [];
const onRejection = (reason: unknown): void => void rejections.push(reason);

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'strict-'));
  rejections.length = 0;
  process.on('unhandledRejection', onRejection);
});
afterEach(async () => {
  await app.close();
  process.off('unhandledRejection', onRejection);
  expect(rejections).toEqual([]);
  await rm(directory, { recursive: true, force: true });
});

/** A disk whose syncs wait until they are let go. */
function slowDisk(): { fs: SpoolFs; letGo(): void } {
  let letGo = (): void => {};
  const gate = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  return { fs: { ...NODE_FS, fdatasync: (fd) => gate.then(() => NODE_FS.fdatasync(fd)) }, letGo };
}

async function start(
  express: typeof express5,
  build: (app: Express, audit: Audit) => void,
  { spool = {}, ...options }: Partial<AuditOptions> = {},
): Promise<void> {
  app = await startApp({
    express,
    options: { durability: 'strict', spool: { directory, minFreeBytes: 0, ...spool }, ...options },
    build,
  });
}

const LARGE = Buffer.alloc(3 * 1024 * 1024, 'body');

/** Whatever reads a body in Express apps, and what it makes of it. */
const READERS: readonly (readonly [
  string,
  (express: typeof express5) => RequestHandler[],
  () => RequestInit,
  unknown,
])[] = [
  [
    'express.json',
    ({ json }) => [json({ limit: '8mb' }), (req, res) => void res.json(req.body.text.length)],
    () => ({
      body: JSON.stringify({ text: LARGE.toString() }),
      headers: { 'content-type': 'application/json' },
    }),
    LARGE.length,
  ],
  [
    'express.urlencoded',
    ({ urlencoded }) => [urlencoded({ extended: true }), (req, res) => void res.json(req.body)],
    () => ({ body: new URLSearchParams({ 'a[b]': 'c' }) }),
    { a: { b: 'c' } },
  ],
  [
    'express.raw',
    ({ raw }) => [raw({ type: '*/*', limit: '8mb' }), (req, res) => void res.json(req.body.equals(LARGE))],
    () => ({ body: LARGE, headers: { 'content-type': 'application/octet-stream' } }),
    true,
  ],
  [
    'multer',
    () => [multer().single('file') as unknown as RequestHandler, (req, res) => void res.json(req.file?.size)],
    () => ({ body: formOf() }),
    LARGE.length,
  ],
  [
    'busboy',
    () => [
      (req, res) => {
        let size = 0;
        const parser = busboy({ headers: req.headers });
        parser.on('file', (_name, file) => file.on('data', (chunk: Buffer) => (size += chunk.length)));
        parser.on('close', () => res.json(size));
        req.pipe(parser);
      },
    ],
    () => ({ body: formOf() }),
    LARGE.length,
  ],
  [
    'the stream itself',
    () => [
      async (req, res) => {
        const chunks: Buffer[] = [];
        for await (const chunk of req) chunks.push(chunk as Buffer);
        res.json(Buffer.concat(chunks).equals(LARGE));
      },
    ],
    () => ({ body: LARGE }),
    true,
  ],
];

function formOf(): FormData {
  const form = new FormData();
  form.set('file', new Blob([LARGE]), 'file.bin');
  return form;
}

describe.each(EXPRESSES)('a request that waits for its intent on %s', (_, express) => {
  it.each(READERS)('has its body, whole, for %s', async (_name, handlers, init, expected) => {
    await start(express, (server, audit) => {
      server.use(audit.middleware());
      server.post('/', ...handlers(express));
    });
    const response = await fetch(app.url, { method: 'POST', ...init() });
    expect(await response.json()).toEqual(expected);
  });

  it('leaves what handlers throw and reject to the app, and to no process', async () => {
    await start(express, (server, audit) => {
      server.use(audit.middleware());
      server.post('/throws', () => {
        throw new Error('thrown');
      });
      server.post('/passes', (_req, _res, next) => next(new Error('passed')));
      server.use(((error: Error, _req, res, _next) => {
        res.status(500).json(error.message);
      }) as ErrorRequestHandler);
    });
    for (const [path, message] of [
      ['throws', 'thrown'],
      ['passes', 'passed'],
    ])
      expect(await (await fetch(`${app.url}/${path}`, { method: 'POST' })).json()).toBe(message);
  });

  it('has one intent and one outcome, however often and wherever the middleware is mounted', async () => {
    await start(express, (server, audit) => {
      const router = express.Router();
      router.use(audit.middleware());
      router.post('/:id', (_req, res) => void res.json({}));
      server.use(audit.middleware(), audit.middleware());
      server.use('/orders', audit.middleware(), router);
    });
    for (let i = 0; i < 3; i++)
      await (await fetch(`${app.url}/orders/${i}`, { method: 'POST' })).arrayBuffer();
    const events = await app.events();
    expect(events.map(({ status }) => status).sort()).toEqual([
      'intent',
      'intent',
      'intent',
      'success',
      'success',
      'success',
    ]);
    expect(events.map(({ sequence }) => sequence).sort()).toEqual([1, 2, 3, 4, 5, 6]);
    expect(
      new Set(events.map(({ commitId, uuid, status }) => (status === 'intent' ? commitId : uuid))).size,
    ).toBe(3);
  });

  it('is in its own context after the wait, wherever it waits', async () => {
    await start(express, (server, audit) => {
      audit.changes();
      server.use(audit.middleware(), async (_req, _res, next) => {
        await new Promise(setImmediate);
        next();
      });
      server.use(audit.intent());
      server.post('/:id', async (req, res) => {
        await new Promise(setImmediate);
        audit.record({ name: 'Noted', content: { id: req.params.id } });
        res.json({});
      });
    });
    await Promise.all(Array.from({ length: 20 }, (_x, i) => fetch(`${app.url}/${i}`, { method: 'POST' })));
    const events = await app.events();
    const outcomes = new Map(
      events
        .filter(({ route, status }) => route === '/:id' && status === 'success')
        .map((one) => [one.requestId, one]),
    );
    const notes = events.filter(({ name }) => name === 'Noted');
    expect(notes).toHaveLength(20);
    for (const { requestId, content } of notes)
      expect(outcomes.get(requestId)?.url).toMatch(new RegExp(`/${(content as { id: string }).id}$`));
  });
});

describe('a request that waits for its intent', () => {
  it('is answered in its turn on a connection with many', async () => {
    const { fs, letGo } = slowDisk();
    await start(
      express5,
      (server, audit) => {
        server.use(audit.middleware());
        server.all('/:id', (req, res) => void res.send(`<${req.params.id}>`));
      },
      { spool: { fs } },
    );
    const client = await RawClient.connect(app.url);
    const numbers = Array.from({ length: 50 }, (_, i) => i);
    const requestOf = (i: number): string =>
      `${i % 3 === 0 ? 'GET' : 'POST'} /${i} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n${i === 49 ? 'Connection: close\r\n' : ''}\r\n`;
    client.send(numbers.map(requestOf).join(''));
    await until(() => app.audit.stats().captured > 0);
    letGo();
    const answered = [...(await client.end()).matchAll(/<(\d+)>/g)].map(([, i]) => Number(i));
    expect(answered).toEqual(numbers);
    const events = await app.events();
    expect(events.filter(({ status }) => status === 'success')).toHaveLength(50);
    expectBalance(app.audit);
  });

  it('and whose client goes meanwhile reaches no handler, and has an outcome', async () => {
    const { fs, letGo } = slowDisk();
    let handled = 0;
    await start(
      express5,
      (server, audit) => {
        server.use(audit.middleware());
        server.post('/', (_req, res) => {
          handled += 1;
          res.send('');
        });
      },
      { spool: { fs } },
    );
    const client = await RawClient.connect(app.url);
    client.send('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf');
    await until(() => app.audit.stats().captured === 2);
    client.leave();
    const connections = promisify(app.server.getConnections.bind(app.server));
    await until(async () => (await connections()) === 0);
    letGo();
    const events = await app.events();
    expect(events.map(({ status, outcome }) => [status, outcome]).sort()).toEqual([
      ['failure', 'aborted'],
      ['intent', null],
    ]);
    expect(handled).toBe(0);
  });

  it('of method HEAD is refused without a body, and one that was answered meanwhile is left alone', async () => {
    const { fs, letGo } = slowDisk();
    await start(
      express5,
      (server, audit) => {
        server.use((req, res, next) => {
          if (req.path === '/answered')
            setImmediate(() => res.status(504).send('by a time limit of the app'));
          next();
        });
        server.use(audit.middleware());
        server.all('/:id', (_req, res) => void res.send('handled'));
      },
      { spool: { fs }, strict: { methods: ['HEAD', 'POST'], timeoutMs: 100 } },
    );
    const client = await RawClient.connect(app.url);
    client.send('POST /answered HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n');
    await client.sees('by a time limit of the app');
    client.send('HEAD /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    const text = await client.end();
    expect(text).toMatch(
      /^HTTP\/1.1 504 [\s\S]*by a time limit of the appHTTP\/1.1 503 [\s\S]*Retry-After: 1[\s\S]*\r\n\r\n$/i,
    );
    expect(text).not.toContain('AUDIT_UNAVAILABLE');
    letGo();
    expect(
      (await app.events()).filter(({ status }) => status === 'failure').map(({ statusCode }) => statusCode),
    ).toEqual([504, 503]);
  });
});
