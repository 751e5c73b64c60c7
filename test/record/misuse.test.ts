import type { Express, RequestHandler } from 'express';
import type { Audit } from '../../lib/index';
import { EXPRESSES, startApp } from '../support/app';
import { exchange, get, post } from './raw-client';

type Build = (app: Express, audit: Audit, parts: { parse: RequestHandler; routes: RequestHandler }) => void;

const FORM = 'application/x-www-form-urlencoded';
const FORWARDED = get('/things/7', ['X-Forwarded-For: 203.0.113.7']);
const JSON_BODY = post('/things/7', '{"a":1}');
const REMEDIES: Readonly<Record<string, RegExp>> = {
  AUDIT_FORWARDED_UNTRUSTED: /app\.set\('trust proxy', /,
  AUDIT_NO_BODY_PARSER: /app\.use\(express\.json\(\)\)/,
  AUDIT_MOUNTED_LATE: /Move app\.use\(audit\.middleware\(\)\) in front/,
  AUDIT_MOUNTED_TWICE: /Remove the second app\.use\(audit\.middleware\(\)\)/,
};

const answer: RequestHandler = (_req, res) => void res.send('ok');
const refuse: RequestHandler = (_req, res) => void res.status(415).send('no');
const well: Build = (app, audit, { parse, routes }) => app.use(audit.middleware(), parse, routes);

describe.each(EXPRESSES)('a misuse on %s', (_, express) => {
  async function reportsOf(build: Build, request: string | Buffer, times = 1): Promise<readonly Error[]> {
    const app = await startApp({
      express,
      options: { ensureIndexes: false },
      build(app, audit, { json, Router }) {
        const routes = Router();
        routes.all('/things/:id', answer);
        build(app, audit, { parse: json(), routes });
      },
    });
    await app.audit.ready();
    for (let i = 0; i < times; i++) await exchange(app.url, request);
    await app.events();
    const errors = [...app.errors];
    await app.close();
    return errors;
  }

  const MISUSES: readonly (readonly [string, string, Build, string | Buffer])[] = [
    ['X-Forwarded-For without trust proxy', 'AUDIT_FORWARDED_UNTRUSTED', well, FORWARDED],
    [
      'JSON without a parser',
      'AUDIT_NO_BODY_PARSER',
      (app, audit, { routes }) => app.use(audit.middleware(), routes),
      JSON_BODY,
    ],
    [
      'JSON of a vendor without a parser',
      'AUDIT_NO_BODY_PARSER',
      (app, audit, { routes }) => app.use(audit.middleware(), routes),
      post('/things/7', '{}', 'application/vnd.api+json; charset=utf-8'),
    ],
    ['a form, with a parser of JSON', 'AUDIT_NO_BODY_PARSER', well, post('/things/7', 'a=1', FORM)],
    [
      'the middleware behind a route',
      'AUDIT_MOUNTED_LATE',
      (app, audit) => app.get('/health', answer).use(audit.middleware()).all('/things/:id', answer),
      get('/things/7'),
    ],
    [
      'the middleware behind a router',
      'AUDIT_MOUNTED_LATE',
      (app, audit, { routes }) => app.use('/api', routes).use(audit.middleware()).use(routes),
      get('/things/7'),
    ],
    [
      'the middleware twice',
      'AUDIT_MOUNTED_TWICE',
      (app, audit, { routes }) => app.use(audit.middleware()).use(audit.middleware(), routes),
      get('/things/7'),
    ],
  ];

  it.each(MISUSES)(
    'is reported once, with its code and a remedy: %s',
    async (_case, code, build, request) => {
      const errors = await reportsOf(build, request, 3);
      expect(errors).toMatchObject([{ name: 'AuditError', code }]);
      expect(errors[0]?.message).toMatch(REMEDIES[code] ?? /^$/);
      expect(errors[0]?.message).not.toContain('\n');
    },
  );

  it('is one of several, each reported for itself', async () => {
    const build: Build = (app, audit, { routes }) =>
      app.get('/health', answer).use(audit.middleware(), audit.middleware(), routes);
    const request = JSON_BODY.toString().replace('\r\n', '\r\nX-Forwarded-For: 203.0.113.7\r\n');
    const codes = (await reportsOf(build, request, 3)).map((error) => (error as { code?: string }).code);
    expect(codes.sort()).toEqual(Object.keys(REMEDIES).sort());
  });

  it.each<[string, Build, string | Buffer]>([
    ['a request', well, get('/things/7')],
    ['a body that is parsed', well, JSON_BODY],
    ['a broken body', well, post('/things/7', '{"a":')],
    ['a body of a type that no parser is for', well, post('/things/7', 'text', 'text/plain')],
    [
      'a body that the app refuses',
      (app, audit) => app.use(audit.middleware()).use(refuse),
      post('/things/7', 'a=1', FORM),
    ],
    ['a request without a body', well, get('/things/7', ['Content-Type: application/json'])],
    [
      'X-Forwarded-For under trust proxy',
      (app, audit, { routes }) => app.set('trust proxy', 1).use(audit.middleware(), routes),
      FORWARDED,
    ],
    [
      'middleware in front of the audit',
      (app, audit, { parse, routes }) => app.use(parse, audit.middleware(), routes),
      JSON_BODY,
    ],
    [
      'the audit on a router',
      (app, audit, { routes }) => {
        const sub = express.Router();
        sub.use(audit.middleware(), routes);
        app.get('/health', answer).use(sub);
      },
      get('/things/7'),
    ],
  ])('is not reported where all is well: %s', async (_case, build, request) => {
    expect(await reportsOf(build, request, 2)).toEqual([]);
  });
});
