import fc from 'fast-check';
import type { LimitOptions } from '../../lib/index';
import { json, type Sent, type Subject, withSubject } from './harness';

const UNITS = [
  'a',
  'é',
  '\ud800',
  '\u{1F600}',
  '\ud800',
  '\u241B',
  '\u0000',
  '"',
  'a=b&',
  '{"a":',
  '%41',
  ' ',
] as const;
type Spec = readonly [shape: string, unit: string, size: number];

/** Something big of one kind, around or beside something else. */
function grow(inner: unknown, [shape, unit, size]: Spec): unknown {
  const wide = Array.from({ length: size % 3_000 }, (_, i) => i);
  switch (shape) {
    case 'string':
      return [unit.repeat(size), inner];
    case 'key':
      return { [unit.repeat(size)]: inner, [`${unit.repeat(size % 500)}x`]: 1 };
    case 'deep':
      return wide
        .slice(0, 200)
        .reduce<unknown>((tree, i) => (i % 2 === 0 ? [tree, i, i] : { a: tree, b: [i] }), inner);
    case 'items':
      return [inner, ...wide.map((i) => (i % 2 === 0 ? i : [unit, {}]))];
    case 'secrets':
      return Object.fromEntries([['a', inner], ...wide.map((i) => [`${unit}pin${i}`, i] as const)]);
    default:
      return Object.fromEntries([
        ...wide.map((i) => [`${unit}${i}`, { [unit]: unit }] as const),
        ['z', inner],
      ]);
  }
}

const specs = fc.array(
  fc.tuple(
    fc.constantFrom('string', 'key', 'deep', 'items', 'members', 'secrets'),
    fc.constantFrom(...UNITS),
    fc.integer({ min: 0, max: 20_000 }),
  ),
  { minLength: 1, maxLength: 6 },
);

function measure(value: unknown): { depth: number; nodes: number; longest: number } {
  if (typeof value === 'string')
    return { depth: 0, nodes: 1, longest: Buffer.byteLength(value.toWellFormed()) };
  if (typeof value !== 'object' || value === null) return { depth: 0, nodes: 1, longest: 0 };
  const inner = Object.values(value).map(measure);
  return {
    depth: 1 + Math.max(0, ...inner.map(({ depth }) => depth)),
    nodes: inner.reduce((sum, { nodes }) => sum + nodes, 1),
    longest: Math.max(0, ...inner.map(({ longest }) => longest)),
  };
}

async function largest(subject: Subject): Promise<number> {
  const documents = (await subject.documents()).get('auditevents') ?? [];
  return Math.max(...documents.map((document) => document.length));
}

describe.each<[string, LimitOptions]>([
  ['by default', {}],
  ['when all are small', { maxDepth: 3, maxNodes: 50, maxStringBytes: 256, maxEventBytes: 16_384 }],
  ['when strings are large', { maxStringBytes: 1_048_576, maxEventBytes: 262_144 }],
  ['when depth is large', { maxDepth: 100, maxNodes: 50_000, maxEventBytes: 16_384 }],
])('the limits %s', (_, limits) => {
  const full = { maxDepth: 32, maxNodes: 2_000, maxStringBytes: 8_192, maxEventBytes: 65_536, ...limits };

  it('hold for any content', () =>
    withSubject({ options: { limits } }, async (subject) => {
      const property = fc.asyncProperty(fc.array(specs, { minLength: 1, maxLength: 5 }), async (all) => {
        const trees = all.map((some) => some.reduce<unknown>(grow, 'end'));
        const uuids = trees.map((content) => subject.audit.record({ name: 'Big', content }));
        await subject.audit.flush();
        for (const uuid of uuids) {
          const event = await subject.audit.reader.get({ tenants: '*' }, uuid, { maxTimeMS: 20_000 });
          const { depth, nodes, longest } = measure(event?.content);
          expect(depth).toBeLessThanOrEqual(full.maxDepth);
          expect(nodes).toBeLessThanOrEqual(full.maxNodes + full.maxDepth);
          expect(longest).toBeLessThanOrEqual(full.maxStringBytes);
        }
        expect(await largest(subject)).toBeLessThanOrEqual(full.maxEventBytes);
      });
      await fc.assert(property, { numRuns: 8 });
      expect(subject.audit.stats().quarantined).toBe(0);
    }));

  it('hold for a request that is large everywhere', () =>
    withSubject(
      {
        options: { limits },
        server: { maxHeaderSize: 1_000_000 },
        routes: (app) =>
          void app.use('/:one/items/:two', (req, _res, next) => {
            const long = '\ud800'.repeat(256);
            const person = { id: long, email: long, name: long, type: long };
            req.audit.user(person).onBehalfOf(person).tenant(long).name(long).object(long, long);
            req.audit.content(req.body).labels({ long: 'x'.repeat(9_000) });
            next(Object.assign(new Error('x'.repeat(9_000)), { code: 'y'.repeat(9_000) }));
          }),
      },
      async (subject) => {
        const headers: Record<string, string> = {
          'x-request-id': 'r'.repeat(128),
          'user-agent': 'é'.repeat(600),
          cookie: Array.from({ length: 900 }, (_, i) => `cookie-${i}=${i}`).join('; '),
          host: `${'h'.repeat(240)}.example.org:80`,
        };
        for (let i = 0; i < 60; i++) headers[`x-header-${i}`] = 'ÿ'.repeat(2_000);
        const segment = '%E6%BC%A2'.repeat(255);
        const sent: Sent = {
          ...json(grow(grow('x', ['members', '漢', 2_999]), ['deep', '', 100])),
          target: `/${segment}/items/${segment}?${'a[b]=%F0%9F%98%80&'.repeat(2_000)}`,
          headers,
        };
        const event = await subject.record(sent);
        expect(event.outcome).toBe('completed');
        expect(event.truncated.length).toBeGreaterThan(0);
        expect(await largest(subject)).toBeLessThanOrEqual(full.maxEventBytes);
        expect(subject.audit.stats()).toMatchObject({ quarantined: 0, dropped: 0 });
      },
    ));
});
