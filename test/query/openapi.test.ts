import { z } from 'zod';
import { ask, authenticate, headersOf, startTrail, type Trail } from './trail';

const DIALECTS = ['audit-events', 'history'] as const;
const documentSchema = z.looseObject({
  openapi: z.literal('3.1.0'),
  servers: z.tuple([z.object({ url: z.url() })]),
  paths: z.record(
    z.string(),
    z.object({ get: z.looseObject({ parameters: z.array(z.looseObject({ name: z.string() })) }) }),
  ),
  components: z.looseObject({ securitySchemes: z.record(z.string(), z.looseObject({ type: z.string() })) }),
});

describe.each(DIALECTS)('openapi.json of %s', (dialect) => {
  let trail: Trail;
  beforeAll(async () => {
    trail = await startTrail({
      build(app, audit) {
        app.use(`/api/${dialect}`, audit.router({ dialect, authenticate }));
      },
    });
  });
  const get = (path: string, init = {}) => ask(`${trail.url}/api/${dialect}${path}`, { as: null, ...init });

  it('is served without a credential, by HEAD too, and takes no parameter', async () => {
    const answer = await get('/openapi.json');
    expect(documentSchema.parse(answer.body).servers[0].url).toBe(trail.url);
    const head = await get('/openapi.json', { method: 'HEAD' });
    expect([head.status, headersOf(head)]).toEqual([200, headersOf(answer)]);
    expect((await get('/openapi.json?x=1')).status).toBe(400);
    expect((await get('/openapi.json', { method: 'POST' })).status).toBe(405);
  });

  it('names the path as it is mounted, and every parameter that the list takes', async () => {
    const { paths } = documentSchema.parse((await get('/openapi.json')).body);
    const [path = ''] = Object.keys(paths);
    expect(path).toBe(`/api/${dialect}/`);
    const names = paths[path]?.get.parameters.map(({ name }) => name);
    const refusal = await ask(`${trail.url}${path}?x=1`, {
      scheme: dialect === 'audit-events' ? 'Token' : 'Bearer',
    });
    expect(refusal.text).toContain(`Allowed: ${names?.join(', ')}.`);
  });

  it('gives integers as integers, with their bounds and defaults', async () => {
    const { paths } = documentSchema.parse((await get('/openapi.json')).body);
    const parameters = paths[`/api/${dialect}/`]?.get.parameters;
    const size = dialect === 'history' ? 'page_size' : 'limit';
    expect(parameters?.find(({ name }) => name === size)).toEqual({
      name: size,
      in: 'query',
      required: false,
      schema: { type: 'integer', minimum: 1, maximum: 1_000, default: 25 },
    });
  });

  it('promises the headers that the answers to a refused request carry', async () => {
    const { components } = documentSchema.parse((await get('/openapi.json')).body);
    const responses = z
      .record(z.string(), z.looseObject({ headers: z.unknown().optional() }))
      .parse(components.responses);
    expect(responses[401]?.headers).toEqual({
      'WWW-Authenticate': { required: true, schema: { type: 'string' } },
    });
    const refusal = await get('/', { method: 'POST' });
    const schema = { type: 'string', const: refusal.headers.get('allow') };
    expect(responses[405]?.headers).toEqual({ Allow: { required: true, schema } });
    expect((await get('/')).headers.get('www-authenticate')).not.toBeNull();
  });
});
