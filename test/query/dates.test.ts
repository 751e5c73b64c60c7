import fc from 'fast-check';
import { listOf, parameterProblem } from './contract';
import { type Row, row, startTrail, type Trail } from './trail';

const OPERATORS = {
  timestamp: (a: bigint, b: bigint) => a === b,
  timestamp__gt: (a: bigint, b: bigint) => a > b,
  timestamp__gte: (a: bigint, b: bigint) => a >= b,
  timestamp__lt: (a: bigint, b: bigint) => a < b,
  timestamp__lte: (a: bigint, b: bigint) => a <= b,
};
type Operator = keyof typeof OPERATORS;
const operators = Object.keys(OPERATORS) as Operator[];
const NS_A_MS = 1_000_000n;

/** What is written, and the millisecond it is: null where it falls between two. */
const VALID: readonly (readonly [string, string | null])[] = [
  ['2026-01-31T12:00:00Z', '2026-01-31T12:00:00.000Z'],
  ['2026-01-31t12:00:00z', '2026-01-31T12:00:00.000Z'],
  ['2026-01-31T12:00:00.5Z', '2026-01-31T12:00:00.500Z'],
  ['2026-01-31T12:00:00.12Z', '2026-01-31T12:00:00.120Z'],
  ['2026-01-31T12:00:00.123000Z', '2026-01-31T12:00:00.123Z'],
  [`2026-01-31T12:00:00.123${'0'.repeat(40)}Z`, '2026-01-31T12:00:00.123Z'],
  ['2026-01-31T12:00:00.123456Z', null],
  ['2026-01-31T12:00:00.1230000000000000001Z', null],
  [`2026-01-31T12:00:00.123${'0'.repeat(40)}1Z`, null],
  ['2026-01-31T12:00:00+02:00', '2026-01-31T10:00:00.000Z'],
  ['2026-01-31T12:00:00-02:30', '2026-01-31T14:30:00.000Z'],
  ['2026-01-31T12:00:00+00:00', '2026-01-31T12:00:00.000Z'],
  ['2026-01-31T12:00:00-00:00', '2026-01-31T12:00:00.000Z'],
  ['2026-01-31T00:30:00+23:59', '2026-01-30T00:31:00.000Z'],
  ['2026-01-31', '2026-01-31T00:00:00.000Z'],
  ['2024-02-29', '2024-02-29T00:00:00.000Z'],
  ['2000-02-29T23:59:59.999Z', '2000-02-29T23:59:59.999Z'],
  ['1969-12-31T23:59:59.999Z', '1969-12-31T23:59:59.999Z'],
  ['1969-12-31T23:59:59.9991Z', null],
  ['0099-01-01T00:00:00Z', '0099-01-01T00:00:00.000Z'],
  ['9999-12-31T23:59:59.999Z', '9999-12-31T23:59:59.999Z'],
  ['2016-12-31T23:59:60Z', '2017-01-01T00:00:00.000Z'],
  ['2016-12-31T23:59:60.25Z', '2017-01-01T00:00:00.250Z'],
  ['2015-06-30T23:59:60Z', '2015-07-01T00:00:00.000Z'],
  ['2017-01-01T01:59:60+02:00', '2017-01-01T00:00:00.000Z'],
  ['1990-12-31T15:59:60-08:00', '1991-01-01T00:00:00.000Z'],
];

const INVALID: readonly string[] = [
  '',
  ' ',
  'now',
  'null',
  'NaN',
  '0',
  '1767225600',
  '1767225600000',
  '2026',
  '2026-01',
  '2026-1-1',
  '26-01-01',
  '02026-01-01',
  '+002026-01-01',
  '-0001-01-01',
  '20260131',
  '2026/01/31',
  '31-01-2026',
  '2026-W05-6',
  '2026-031',
  '2026-00-01',
  '2026-13-01',
  '2026-01-00',
  '2026-01-32',
  '2026-02-30',
  '2026-02-29',
  '1900-02-29',
  '2026-04-31T00:00:00Z',
  '2026-01-31T',
  '2026-01-31Z',
  '2026-01-31T12Z',
  '2026-01-31T12:00Z',
  '2026-01-31T12:00:00',
  '2026-01-31T12:00:00.123',
  '2026-01-31 12:00:00Z',
  '2026-01-31_12:00:00Z',
  '2026-01-31T12:00:00 Z',
  '2026-01-31T24:00:00Z',
  '2026-01-31T12:60:00Z',
  '2026-01-31T12:00:61Z',
  '2026-01-31T12:00:60Z',
  '2026-01-31T23:58:60Z',
  '2016-12-30T23:59:60Z',
  '2016-12-31T23:59:60+01:00',
  '2016-12-31T23:59:60-01:00',
  '2026-01-31T12:00:00.Z',
  '2026-01-31T12:00:00,5Z',
  '2026-01-31T12:00:00.5.5Z',
  '2026-01-31T12:00:00.1e3Z',
  '2026-01-31T12:00:00+0200',
  '2026-01-31T12:00:00+02',
  '2026-01-31T12:00:00+2:00',
  '2026-01-31T12:00:00+24:00',
  '2026-01-31T12:00:00+02:60',
  '2026-01-31T12:00:00Z+02:00',
  '2026-01-31T12:00:00ZZ',
  '2026-01-31T12:00:00UTC',
  '2026-01-31T12:00:00[Europe/Paris]',
  '2026-01-31T-1:00:00Z',
  ' 2026-01-31',
  '2026-01-31\n',
  '2026-01-31T12:00:00Z\0',
  '２０２６-01-31',
  '2026-01-31T12:00:00−02:00',
  '{"$gt":""}',
];

let trail: Trail;
beforeAll(async () => {
  trail = await startTrail();
});

describe('a date-time', () => {
  const uuidOf = (rows: readonly Row[], iso: string) =>
    rows.find(({ timestamp }) => timestamp.getTime() === Date.parse(iso))?.uuid;
  let rows: readonly Row[];
  beforeAll(async () => {
    const times = new Set(
      VALID.flatMap(([, iso]) => (iso === null ? [] : [-1, 0, 1].map((step) => Date.parse(iso) + step))),
    );
    rows = [...times].map((time) => row(time, { user: 'table' }));
    await trail.store(rows);
  });

  it.each(VALID)('%s is %s', async (text, iso) => {
    const { results } = listOf(await trail.get(`/?user=table&timestamp=${encodeURIComponent(text)}`));
    expect(results.map(({ uuid }) => uuid)).toEqual(iso === null ? [] : [uuidOf(rows, iso)]);
  });

  it.each(INVALID)('%j is 400', async (text) => {
    for (const parameter of operators) {
      const answer = await trail.get(`/?${parameter}=${encodeURIComponent(text)}`);
      expect(parameterProblem(answer)).toEqual({
        status: 400,
        parameter,
        message: `Must be a date-time of RFC 3339 with Z or an offset, like 2026-01-31T12:00:00Z, or a date, like 2026-01-31. Received ${JSON.stringify(text)}.`,
      });
    }
  });

  it.each(['2026-01-31T12:00:00+02:00', '2026-01-31t12:00:00.123456+02:00'])(
    '%s whose + came as a space is 400 and says so',
    async (text) => {
      for (const spelled of [text, text.replace('+', '%20')]) {
        expect(parameterProblem(await trail.get(`/?timestamp__gt=${spelled}`))).toEqual({
          status: 400,
          parameter: 'timestamp__gt',
          message: `The offset's + came as a space: write it as %2B. Received ${JSON.stringify(text.replace('+', ' '))}.`,
        });
      }
    },
  );
});

describe('a bound', () => {
  const START = Date.parse('2026-03-01T00:00:00Z');
  const rows = Array.from({ length: 4 }, (_, ms) => row(START + ms, { user: 'bounds' }));
  beforeAll(() => trail.store(rows));

  /** An instant in nanoseconds after START, written with as many digits and any offset. */
  const instant = fc.record({
    ns: fc.oneof(
      fc.integer({ min: -1, max: 4 }).map((ms) => BigInt(ms) * NS_A_MS),
      fc.bigInt({ min: -NS_A_MS, max: 5n * NS_A_MS }),
      fc.integer({ min: 0, max: 4_000 }).map((us) => BigInt(us) * 1_000n),
    ),
    offsetMinutes: fc.integer({ min: -1_439, max: 1_439 }),
    zeros: fc.integer({ min: 0, max: 3 }),
  });
  type Instant = typeof instant extends fc.Arbitrary<infer T> ? T : never;

  function write({ ns, offsetMinutes, zeros }: Instant): string {
    const epoch = BigInt(START) * NS_A_MS + ns + BigInt(offsetMinutes) * 60_000n * NS_A_MS;
    const local = new Date(Number(epoch / (1_000n * NS_A_MS)) * 1_000).toISOString().slice(0, 19);
    const digits = String(epoch % (1_000n * NS_A_MS)).padStart(9, '0') + '0'.repeat(zeros);
    const size = Math.abs(offsetMinutes);
    const two = (value: number): string => String(value).padStart(2, '0');
    return `${local}.${digits}${offsetMinutes < 0 ? '-' : '+'}${two(Math.floor(size / 60))}:${two(size % 60)}`;
  }

  it('compares at the full precision it was given with, alone and with others', async () => {
    const bounds = fc.dictionary(fc.constantFrom(...operators), instant, { minKeys: 1 });
    await fc.assert(
      fc.asyncProperty(bounds, async (given) => {
        const entries = Object.entries(given) as [Operator, Instant][];
        const query = new URLSearchParams(
          entries.map(([name, value]): [string, string] => [name, write(value)]),
        );
        const expected = rows.filter((_, ms) =>
          entries.every(([name, { ns }]) => OPERATORS[name](BigInt(ms) * NS_A_MS, ns)),
        );
        const list = listOf(await trail.get(`/?user=bounds&sort=timestamp&${query}`));
        expect(list.results.map(({ uuid }) => uuid)).toEqual(expected.map(({ uuid }) => uuid));
        expect(list.count).toBe(expected.length);
      }),
      { numRuns: 150 },
    );
  });

  it.each([
    ['timestamp', '.001', [1]],
    ['timestamp', '.0010001', []],
    ['timestamp__gt', '.001', [2, 3]],
    ['timestamp__gt', '.001000001', [2, 3]],
    ['timestamp__gt', '.000999999', [1, 2, 3]],
    ['timestamp__gte', '.001', [1, 2, 3]],
    ['timestamp__gte', '.001000001', [2, 3]],
    ['timestamp__gte', '.000999999', [1, 2, 3]],
    ['timestamp__lt', '.001', [0]],
    ['timestamp__lt', '.001000001', [0, 1]],
    ['timestamp__lt', '.000999999', [0]],
    ['timestamp__lte', '.001', [0, 1]],
    ['timestamp__lte', '.001000001', [0, 1]],
    ['timestamp__lte', '.000999999', [0]],
  ])('%s=...%s keeps the milliseconds %j', async (parameter, fraction, kept) => {
    const path = `/?user=bounds&sort=timestamp&${parameter}=2026-03-01T00:00:00${fraction}Z`;
    const { results } = listOf(await trail.get(path));
    expect(results.map(({ timestamp }) => Date.parse(timestamp) - START)).toEqual(kept);
  });
});
