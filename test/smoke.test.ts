import { EXPRESSES, startApp } from './support/app';

describe.each(EXPRESSES)('a request on %s', (_, express) => {
  it('is stored with its facts and named by X-Audit-Id', async () => {
    const app = await startApp({
      express,
      build(app, audit, { json }) {
        app.use(audit.middleware());
        app.use(json());
        app.post('/users/:userId/orders/:id', (req, res) => {
          res.status(201).json({ got: req.body });
        });
      },
    });
    const response = await fetch(`${app.url}/users/7/orders/42?x=1`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ a: 1 }),
    });
    expect(response.status).toBe(201);
    const event = await app.event();
    expect(event).toMatchObject({
      uuid: response.headers.get('x-audit-id'),
      name: 'POST /users/:userId/orders/:id',
      object: { type: 'orders', id: '42' },
      action: 'create',
      queryParams: { x: '1' },
      postData: { a: 1 },
      statusCode: 201,
      outcome: 'completed',
      remoteAddr: '127.0.0.1',
    });
    await app.close();
  });
});
