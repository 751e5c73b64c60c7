import { EXPRESSES, startApp } from '../support/app';

const JSON_TYPE = { 'content-type': 'application/json' };

describe.each(EXPRESSES)('req.body on %s', (_, express) => {
  it('is not there before a parser put it there, so that programs which look for it read the stream', async () => {
    const app = await startApp({
      express,
      build(app, audit) {
        app.use(audit.middleware());
        app.post('/', async (req, res) => {
          const isThere = 'body' in req;
          const chunks: Buffer[] = [];
          for await (const chunk of req) chunks.push(chunk);
          res.json({ isThere, read: Buffer.concat(chunks).toString() });
        });
      },
    });
    const response = await fetch(app.url, { method: 'POST', headers: JSON_TYPE, body: '{"a":1}' });
    expect(await response.json()).toEqual({ isThere: false, read: '{"a":1}' });
    expect(await app.event()).toMatchObject({ postData: null, postDataState: 'unread' });
    await app.close();
  });

  it('stays as it was when an object made from the request gets a body of its own', async () => {
    const app = await startApp({
      express,
      build(app, audit, { json }) {
        app.use(audit.middleware());
        app.use((req, _res, next) => {
          req.once('data', () => {
            const made = Object.create(req);
            made.body = { mine: 1 };
          });
          next();
        });
        app.use(json());
        app.post('/', (req, res) => {
          res.json(req.body);
        });
      },
    });
    const response = await fetch(app.url, { method: 'POST', headers: JSON_TYPE, body: '{"a":1}' });
    expect(await response.json()).toEqual({ a: 1 });
    expect(await app.event()).toMatchObject({ postData: { a: 1 }, postDataState: 'captured' });
    await app.close();
  });

  it('is recorded as unread when nothing parsed it, whatever a handler wrote there', async () => {
    const app = await startApp({
      express,
      build(app, audit, { json }) {
        app.use(audit.middleware());
        app.use(json());
        app.post('/', (req, res) => {
          req.body = { ...req.body, invented: 1 };
          if (req.body !== undefined) req.body.more = 2;
          res.json({});
        });
      },
    });
    await fetch(app.url, { method: 'POST', headers: { 'content-type': 'application/xml' }, body: '<a/>' });
    expect(await app.event()).toMatchObject({ postData: null, postDataState: 'unread' });
    await app.close();
  });
});
