import type { Request, Response } from 'express';
import { EXPRESSES, startApp, type TestApp } from '../support/app';
import { exchange, get, RawClient } from './raw-client';
import { nextEvent } from './wait';

describe.each(EXPRESSES)('an answer on %s', (_, express) => {
  let app: TestApp;

  const HANDLERS: Readonly<Record<string, (req: Request, res: Response, next: () => void) => unknown>> = {
    '/end-twice': (_req, res) => res.end('a').end(),
    '/empty': (_req, res) => res.status(204).end(),
    '/unchanged': (_req, res) => res.status(304).end(),
    '/hints': (_req, res) => {
      res.writeEarlyHints({ link: '</style.css>; rel=preload; as=style' });
      res.send('page');
    },
    '/switch': (_req, res) => {
      res.writeHead(101, { Connection: 'Upgrade', Upgrade: 'demo' });
      res.end();
    },
    '/afterthought': (_req, res) => {
      res.status(201).json({ made: true });
      res.status(500);
    },
    '/second-answer': (_req, res) => {
      res.send('first');
      try {
        res.status(404).json({ second: true });
      } catch {
        // headers are sent already
      }
    },
    '/nonsense-status': (_req, res) => {
      res.statusCode = 99_999;
      res.end();
    },
    '/late-head': (_req, res) => {
      res.end('a');
      try {
        res.writeHead(503);
      } catch {
        // headers are sent already
      }
    },
  };

  beforeAll(async () => {
    app = await startApp({
      express,
      build(app, audit) {
        app.use(audit.middleware());
        for (const [path, handler] of Object.entries(HANDLERS)) app.get(path, handler);
        app.get('/next-twice', (_req, _res, next) => {
          next();
          next();
        });
        app.get('/next-twice', (_req, res) => {
          if (!res.headersSent) res.send('once');
        });
        app.use((_req: Request, res: Response) => {
          if (!res.headersSent) res.status(404).send('none');
        });
      },
    });
  });
  afterAll(() => app.close());

  it.each([
    ['ends its response twice', '/end-twice', 200],
    ['calls next() twice', '/next-twice', 200],
    ['answers 204', '/empty', 204],
    ['answers 304', '/unchanged', 304],
    ['sends early hints first', '/hints', 200],
    ['changes the status when its headers are gone', '/afterthought', 201],
    ['answers a second time', '/second-answer', 200],
    ['writes a second head', '/late-head', 200],
    ['sets a status that HTTP does not have', '/nonsense-status', 500],
    ['matches no route', '/nowhere', 404],
  ])('is recorded once, with the status that was sent, when the app %s', async (_case, path, statusCode) => {
    let sent = '';
    const event = await nextEvent(app, async () => {
      sent = await exchange(app.url, get(path));
    });
    expect(sent).toMatch(new RegExp(`^(HTTP/1.1 103 .*\r\n(.+\r\n)*\r\n)?HTTP/1.1 ${statusCode} `));
    const status = statusCode < 400 ? 'success' : 'failure';
    expect(event).toMatchObject({ statusCode, status, outcome: 'completed', responseBytes: sent.length });
  });

  it('is recorded for HEAD as an access, with the bytes of the head alone', async () => {
    let sent = '';
    const event = await nextEvent(app, async () => {
      sent = await exchange(app.url, get('/end-twice', [], 'HEAD'));
    });
    expect(event).toMatchObject({ method: 'HEAD', name: 'HEAD /end-twice', action: 'access' });
    expect(event).toMatchObject({ statusCode: 200, responseBytes: sent.length });
  });

  it('is recorded as upgraded when the protocol is switched', async () => {
    const event = await nextEvent(app, async () => {
      const client = await RawClient.connect(app.url);
      client.send('GET /switch HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: demo\r\n\r\n');
      await client.sees('101 Switching Protocols');
      client.leave();
    });
    expect(event).toMatchObject({ outcome: 'upgraded', statusCode: 101, status: 'success' });
  });
});
