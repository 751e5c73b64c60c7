import { z } from 'zod';
import { type AuditTrail, answerSchema, problemOf, startAuditTrail } from './audit-contract';
import { row } from './trail';

const parameterSchema = z.looseObject({
  name: z.string(),
  in: z.string(),
  required: z.literal(false),
  description: z.string().optional(),
  explode: z.boolean().optional(),
  schema: z.looseObject({
    type: z.string(),
    pattern: z.string().optional(),
    enum: z.array(z.string()).optional(),
    default: z.unknown().optional(),
    examples: z.array(z.string()).optional(),
  }),
});
const responseSchema = z.looseObject({
  headers: z.record(z.string(), z.unknown()).optional(),
  content: z.object({ 'application/json': z.looseObject({ example: z.unknown() }) }),
});
const documentSchema = z.looseObject({
  paths: z.object({
    '/api/v2/audit': z.object({
      get: z.looseObject({
        parameters: z.array(parameterSchema),
        responses: z.looseObject({ 200: responseSchema }),
      }),
    }),
  }),
  components: z.looseObject({
    securitySchemes: z.object({ credential: z.unknown() }),
    responses: z.record(z.string(), responseSchema),
  }),
});

describe('openapi.json of audit', () => {
  let trail: AuditTrail;
  let document: z.output<typeof documentSchema>;
  beforeAll(async () => {
    trail = await startAuditTrail();
    await trail.store([row(Date.now() - 60_000, { id: 1 })]);
    document = documentSchema.parse((await trail.get('/openapi.json', { as: null })).body);
  });
  const operation = () => document.paths['/api/v2/audit'].get;
  const parameterOf = (name: string) => {
    const found = operation().parameters.find((one) => one.name === name);
    if (found === undefined) throw new Error(`no parameter ${name}`);
    return found;
  };
  const matches = (name: string, text: string) =>
    new RegExp(parameterOf(name).schema.pattern ?? '').test(text);
  const statusOf = async (name: string, text: string) => {
    if (name === 'Prefer') return (await trail.get('', { headers: { Prefer: text } })).status;
    return (await trail.get(`?${name}=${encodeURIComponent(text)}`)).status;
  };

  it('says what every parameter is, with its default', () => {
    expect(operation().parameters.map((one) => `${one.in} ${one.name}`)).toEqual(
      [
        'header Prefer',
        ...['skip', 'limit', 'created_at', 'sort_by', 'before', 'after', 'id', 'actor_id', 'actor_name'],
        ...['actor_email', 'action', 'request_id', 'source', 'status'],
      ].map((name) => (name.includes(' ') ? name : `query ${name}`)),
    );
    const { minimum, maximum, default: limit } = parameterOf('limit').schema;
    expect([minimum, maximum, limit]).toEqual([1, 1_000, 100]);
    expect(parameterOf('skip').schema.default).toBe(0);
    expect(parameterOf('sort_by')).toMatchObject({ explode: true, schema: { default: ['-created_at'] } });
    expect(document.components.securitySchemes.credential).toEqual({ type: 'http', scheme: 'bearer' });
  });

  it('gives examples that are answered', async () => {
    const examples = operation().parameters.flatMap(({ name, schema }) =>
      [...(schema.examples ?? []), ...(schema.enum ?? [])].map((text) => [name, text] as const),
    );
    expect(examples.length).toBeGreaterThan(30);
    for (const [name, text] of examples)
      expect([name, text, await statusOf(name, text)]).toEqual([name, text, 200]);
  });

  it.each([
    ...[
      '2026-01-31',
      '2024-02-29',
      '2000-02-29',
      'gt:2026-12-31T23:59:59Z',
      'neq:2026-06-30t00:00:00.123456+23:59',
    ],
    ...['2026-02-29', '1900-02-29', '2026-04-31', '2026-13-01', '2026-01-00', '2026-01-01T24:00:00Z', 'x'],
    ...['~eq:2026-01-01', 'gt:', '2026-01-01T00:00:00', '2026-01-01T00:00:60Z1', '2026-01-01T00:00:00+24:00'],
  ])('has a pattern for created_at that tells what is answered: %s', async (text) => {
    expect(await statusOf('created_at', text)).toBe(matches('created_at', text) ? 200 : 400);
  });

  it.each(['wait=1', 'wait=0', 'Wait = "5"; x, y', 'y, wait=x', 'other', 'a=", wait=x"', 'wait'])(
    'has a pattern for Prefer that tells what is answered: %s',
    async (text) => {
      expect(await statusOf('Prefer', text)).toBe(matches('Prefer', text) ? 200 : 400);
    },
  );

  it('shows answers and errors as they are', () => {
    const { headers, content } = operation().responses[200];
    expect(Object.keys(headers ?? {})).toEqual(['Preference-Applied']);
    answerSchema.parse(content['application/json'].example);
    const problems = Object.entries(document.components.responses);
    expect(problems.map(([status]) => status)).toEqual(['400', '401', '404', '405', '500', '503', '504']);
    for (const [status, { content: of }] of problems) {
      const answer = { status: Number(status), headers: new Headers(), text: '' };
      problemOf({ ...answer, body: of['application/json'].example });
    }
  });
});
