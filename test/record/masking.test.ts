import { EXPRESSES, startApp } from '../support/app';
import { exchange, post } from './raw-client';

const SECRET = 'fake-hunter2';
/** The whole of it is a secret by its looks. */
const BEARER = `Bearer ${SECRET}`;

describe.each(EXPRESSES)('a censor that throws, on %s', (_, express) => {
  it('masks every section that has a secret, and costs no event', async () => {
    const app = await startApp({
      express,
      options: {
        redact: {
          censor: (value) => {
            throw new Error(`no mask for ${value}`);
          },
        },
      },
      build(app, audit, { json }) {
        app.use(audit.middleware(), json());
        app.post('/things/:id', (req, _res, next) => {
          req.audit.content({ password: SECRET }).labels({ password: SECRET });
          next(Object.assign(new Error('failed'), { code: BEARER }));
        });
        app.use(audit.errors());
      },
    });
    await app.audit.ready();
    const id = encodeURIComponent(JSON.stringify({ password: SECRET }));
    const lines = `\r\nUser-Agent: ${BEARER}\r\nX-Request-Id: ${BEARER}\r\nAuthorization: ${BEARER}\r\n`;
    const request = post(`/things/${id}?q=${id}`, JSON.stringify({ password: SECRET }));
    const answer = await exchange(app.url, request.toString().replace('\r\n', lines));
    expect(answer).toMatch(/^HTTP\/1.1 500 /);

    const event = await app.event();
    expect(JSON.stringify(event)).not.toContain(SECRET);
    expect(event).toMatchObject({
      requestId: '[REDACTED]',
      userAgent: '[REDACTED]',
      url: 'http://shop.example/REDACTED',
      route: '/things/:id',
      object: { type: 'request', id: event.uuid },
      queryParams: '[REDACTED]',
      headers: '[REDACTED]',
      postData: '[REDACTED]',
      postDataState: 'captured',
      content: '[REDACTED]',
      labels: {},
      statusCode: 500,
    });
    expect(event.error?.name).toBe('Error');
    expect(app.errors.length).toBeGreaterThan(5);
    for (const error of app.errors) {
      expect(error).toMatchObject({ code: 'AUDIT_CAPTURE_FAILED' });
      expect(`${error.stack} ${(error.cause as Error).stack}`).not.toContain(SECRET);
    }
    await app.close();
  });
});
