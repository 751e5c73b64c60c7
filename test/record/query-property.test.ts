import fc from 'fast-check';
import { EXPRESSES, startApp, type TestApp } from '../support/app';

const name = fc.oneof(
  fc.stringMatching(/^[A-Za-z][\w-]{0,12}$/),
  fc.constantFrom('a', 'b', '__proto__', 'constructor', 'toString', 'hasOwnProperty', 'a.b', '0', 'a[b]'),
);
const value = fc.oneof(
  fc.stringMatching(/^[\w.~-]{0,12}$/),
  fc.constantFrom('', '%41', 'a+b', 'x=y', '%E0%A4%A'),
);
const query = fc
  .array(fc.tuple(name, value), { minLength: 1, maxLength: 5 })
  .map((pairs) => pairs.map((pair) => pair.join('=')).join('&'));

describe.each(EXPRESSES)('query parameters on %s', (_, express) => {
  let app: TestApp;
  let seen: unknown;

  beforeAll(async () => {
    app = await startApp({
      express,
      options: { dangerouslyRecordSecrets: true },
      build(server, audit) {
        server.use(audit.middleware());
        server.get('/:parser', (req, res) => {
          seen = JSON.parse(JSON.stringify(req.query));
          res.json(null);
        });
      },
    });
  });
  afterAll(() => app.close());

  it.each(['simple', 'extended'])('are recorded as the parser %s gives them to the app', async (parser) => {
    app.app.set('query parser', parser);
    const property = fc.asyncProperty(query, async (text) => {
      const response = await fetch(`${app.url}/x?${text}`);
      await response.arrayBuffer();
      await app.audit.flush();
      const uuid = response.headers.get('x-audit-id') ?? '';
      const event = await app.audit.reader.get({ tenants: '*' }, uuid, { maxTimeMS: 5_000 });
      // a parser may drop all there is: then the plain reading is kept
      if (JSON.stringify(seen) !== '{}') expect(event?.queryParams).toEqual(seen);
    });
    await fc.assert(property, { numRuns: 60 });
  });
});
