import { Readable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import busboy from 'busboy';
import type { Request, RequestHandler, Response } from 'express';
import formidable from 'formidable';
import multer from 'multer';
import type { StoredEvent } from '../../lib/index';
import { EXPRESSES, startApp, type TestApp } from '../support/app';
import { observed } from './observed';
import { exchange, get, RawClient } from './raw-client';
import { eventsOf, waitFor } from './wait';

type Work = (req: Request, res: Response, change: () => void) => void;

/** Ways of coming to the moment at which something is changed. */
const WAYS: Readonly<Record<string, Work>> = {
  'at once': (_req, res, change) => {
    change();
    res.send('ok');
  },
  'after awaits': async (_req, res, change) => {
    for (let i = 0; i < 5; i++) await turn();
    change();
    res.send('ok');
  },
  'in a callback': (_req, res, change) => {
    setTimeout(() => process.nextTick(() => queueMicrotask(() => res.send(change() ?? 'ok'))), 1);
  },
  'when the body has ended': (req, res, change) => {
    req.resume().on('end', () => res.send(change() ?? 'ok'));
  },
  'while the body comes': (req, res, change) => {
    let isChanged = false;
    req.on('data', () => {
      if (!isChanged) change();
      isChanged = true;
    });
    req.on('end', () => res.send('ok'));
  },
  'in a stream that the body flows into': async (req, res, change) => {
    for await (const _ of req.compose(async function* (chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) yield chunk;
    })) {
      // read to its end
    }
    change();
    res.send('ok');
  },
  'with multer': (req, res, change) => {
    multer().any()(req, res, () => res.send(change() ?? 'ok'));
  },
  'with busboy': (req, res, change) => {
    const parser = busboy({ headers: req.headers });
    parser.on('file', (_name, file) => file.resume());
    parser.on('close', () => res.send(change() ?? 'ok'));
    req.pipe(parser);
  },
  'with formidable': (req, res, change) => {
    formidable({ fileWriteStreamHandler: () => new (require('node:stream').PassThrough)().resume() }).parse(
      req,
      () => res.send(change() ?? 'ok'),
    );
  },
  'when the response was sent': (_req, res, change) => {
    res.on('finish', change);
    res.send('ok');
  },
};

function upload(id: number): { body: FormData; method: string; headers: Record<string, string> } {
  const body = new FormData();
  body.set('name', `n${id}`);
  body.set('file', new Blob(['x'.repeat(100_000)]), 'file.txt');
  return { body, method: 'POST', headers: { 'x-user': `u${id}` } };
}

/** Fails where a change has another commitId, user or requestId than the request of its object. */
function expectUnmixed(events: readonly StoredEvent[]): void {
  const requests = new Map(
    events.filter(({ kind }) => kind === 'request').map((event) => [event.object.id, event]),
  );
  const changes = events.filter(({ kind }) => kind === 'change');
  expect(changes).toHaveLength(requests.size);
  for (const { object, commitId, requestId, user } of changes) {
    const request = requests.get(object.id);
    expect({ commitId, requestId, user }).toEqual({
      commitId: request?.commitId,
      requestId: request?.requestId,
      user: { id: `u${object.id}`, email: null, name: null },
    });
  }
}

describe.each(EXPRESSES)('the context of a request on %s', (_, express) => {
  let app: TestApp;
  let change: (id: string) => void;

  beforeEach(async () => {
    app = await startApp({
      express,
      options: { user: (req) => req.headers['x-user'] as string, ensureIndexes: false, onDrop: () => {} },
      build(app, audit) {
        app.use(audit.middleware());
        for (const [way, work] of Object.entries(WAYS)) {
          const handle: RequestHandler = (req, res) => work(req, res, () => change(String(req.params.id)));
          app.all(`/${way.replaceAll(' ', '-')}/:id`, handle);
        }
      },
    });
    const recorder = app.audit.changeRecorder();
    change = (id) => recorder.record(observed({ object: { type: 'things', id } }));
  });
  afterEach(() => app.close());

  it.each(Object.keys(WAYS))('reaches what is changed %s, on connections that are kept', async (way) => {
    const path = `${app.url}/${way.replaceAll(' ', '-')}`;
    for (let id = 1; id <= 3; id++)
      expect(await (await fetch(`${path}/${id}`, upload(id))).text()).toBe('ok');
    expectUnmixed(await eventsOf(app, 6));
  });

  it('never mixes the changes of 200 parallel requests', async () => {
    const ways = Object.keys(WAYS).map((way) => way.replaceAll(' ', '-'));
    const all = Array.from({ length: 200 }, (_, i) =>
      fetch(`${app.url}/${ways[i % ways.length]}/${i}`, upload(i)),
    );
    for (const response of await Promise.all(all)) expect(await response.text()).toBe('ok');
    expectUnmixed(await eventsOf(app, 400));
  });

  it('never mixes the changes of pipelined requests', async () => {
    const client = await RawClient.connect(app.url);
    const requests = Array.from({ length: 20 }, (_, i) => {
      const body = 'x'.repeat(2_000);
      const way = ['after-awaits', 'when-the-body-has-ended', 'while-the-body-comes'][i % 3];
      const lines = ['Host: a', `X-User: u${i}`, `Content-Length: ${body.length}`];
      if (i === 19) lines.push('Connection: close');
      return `POST /${way}/${i} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n${body}`;
    });
    client.send(requests.join(''));
    await client.end();
    expectUnmixed(await eventsOf(app, 40));
  });

  it('leaves request and response as they were, but for emit', async () => {
    const seen: string[][] = [];
    app.app.get('/own', (req, res) => {
      seen.push([...Object.keys(req), ...Object.keys(res)]);
      res.send('ok');
    });
    await exchange(app.url, get('/own'));
    expect(seen[0]).not.toContain('emit');
  });

  it('delivers what open requests hold when the audit is closed', async () => {
    let isChanged = false;
    app.app.get('/open/:id', (req) => {
      change(String(req.params.id));
      isChanged = true;
    });
    const client = await RawClient.connect(app.url);
    client.send(get('/open/1', ['X-User: u1']));
    await waitFor('it is changed', () => isChanged);
    expect(app.audit.stats().captured).toBe(0);
    await app.audit.close();
    expect(app.audit.stats()).toMatchObject({ captured: 1, delivered: 1, dropped: 0 });
    client.leave();
  });
});

describe('two audits', () => {
  it('never meet in one request', async () => {
    const outer = await startApp({ build: () => {} });
    const inner = await startApp({
      build(app, audit) {
        app.use(outer.audit.middleware(), audit.middleware());
        const [first, second] = [outer.audit.changeRecorder(), audit.changeRecorder()];
        app.post('/items/:id', (req, res) => {
          req.resume().on('end', () => {
            first.record(observed({ object: { type: 'outer', id: '1' } }));
            second.record(observed({ object: { type: 'inner', id: '2' } }));
            res.send('ok');
          });
        });
      },
    });
    try {
      const body = Readable.toWeb(Readable.from([Buffer.from('a'), Buffer.from('b')])) as ReadableStream;
      await fetch(`${inner.url}/items/7`, { method: 'POST', body, duplex: 'half' } as RequestInit);
      for (const [app, type] of [
        [outer, 'outer'],
        [inner, 'inner'],
      ] as const) {
        const events = await eventsOf(app, 2);
        const [change, request] = ['change', 'request'].map((kind) =>
          events.find((one) => one.kind === kind),
        );
        expect(change).toMatchObject({ object: { type }, commitId: request?.commitId });
      }
    } finally {
      await inner.close();
      await outer.close();
    }
  });
});
