import { createHash } from 'node:crypto';
import { EXPRESSES } from '../support/app';
import { get, json, type Subject, startSubject, text } from './harness';

const sha256 = (original: string): string => createHash('sha256').update(original).digest('hex');
const marker = (what: string, original: string): string =>
  `[truncated: ${what}${Buffer.byteLength(original)} bytes, sha256 ${sha256(original)}]`;
const nested = (depth: number, inner = ''): string => '['.repeat(depth) + inner + ']'.repeat(depth);

describe.each(EXPRESSES)('what is cut from a body on %s', (_, express) => {
  let subject: Subject;
  beforeAll(async () => {
    subject = await startSubject({ express, server: { maxHeaderSize: 65_536 } });
  });
  afterAll(() => subject.close());

  it.each([
    ['a', 8_193],
    ['a', 40_000_000],
    ['é', 4_097],
    ['漢', 3_000],
    ['\u{1F600}', 2_049],
    ['\u241B', 2_000],
  ])('is marked with the bytes and the hash of the whole text: %s, %i times', async (unit, times) => {
    const original = unit.repeat(times);
    const { postData, truncated } = await subject.record(text(original));
    const [prefix = '', rest] = String(postData).split('[truncated: ');
    expect(`[truncated: ${rest}`).toBe(marker('', original));
    expect(original.startsWith(prefix)).toBe(true);
    expect(prefix.isWellFormed()).toBe(true);
    expect(prefix.length === 0).toBe(times > 1_000_000 || unit === '\u241B');
    expect(truncated).toEqual(['postData']);
  });

  it.each([
    ['a', 8_192],
    ['é', 4_096],
    ['\u{1F600}', 2_048],
  ])('is nothing where a text just fits: %s, %i times', async (unit, times) => {
    const { postData, truncated } = await subject.record(text(unit.repeat(times)));
    expect(postData).toBe(unit.repeat(times));
    expect(truncated).toEqual([]);
  });

  it('is nothing where depth and number of values just fit', async () => {
    const body = { deep: JSON.parse(nested(31)), list: Array(1_900).fill(1) };
    const { postData, truncated } = await subject.record(json(body));
    expect(postData).toEqual(body);
    expect(truncated).toEqual([]);
  });

  it.each([33, 100, 10_000, 49_000])('is marked beyond the depth: %i levels', async (depth) => {
    const { postData, truncated } = await subject.record({ body: nested(depth) });
    expect(JSON.stringify(postData)).toBe(
      nested(32, JSON.stringify(marker('too deep, ', nested(depth - 32)))),
    );
    expect(truncated).toEqual([`postData${'.0'.repeat(32)}`]);
  });

  it.each([
    ['items', 2_500, (length: number) => Array.from({ length }, (_x, i) => i)],
    ['items', 1_000_000, (length: number) => Array.from({ length }, () => 1)],
    [
      'items',
      2_500,
      (length: number) => Array.from({ length }, (_x, i) => ({ i, t: 'a"b\u2028', f: -1.5e-7, n: null })),
    ],
  ])('is marked beyond the number of values: %s, %i', async (what, length, create) => {
    const body = create(length);
    const { postData, truncated } = await subject.record(json(body));
    const items = postData as unknown[];
    const kept = items.slice(0, -1);
    expect(kept.slice(0, 100)).toEqual(body.slice(0, 100));
    // an item may be cut within itself
    const whole = kept.findIndex((item) => JSON.stringify(item).includes('[truncated'));
    expect(whole === -1 || whole === kept.length - 1).toBe(true);
    const rest = body.slice(kept.length);
    expect(items.at(-1)).toBe(marker(`${rest.length} ${what}, `, JSON.stringify(rest)));
    expect(truncated).toContain('postData');
  });

  it.each([3_000, 100_000])('is marked beyond the number of members: %i', async (length) => {
    const body = Object.fromEntries(Array.from({ length }, (_x, i) => [`key ${i}`, i]));
    const { postData, truncated } = await subject.record(json(body));
    const { '[truncated]': mark, ...kept } = postData as Record<string, unknown>;
    const count = Object.keys(kept).length;
    const rest = Object.fromEntries(Object.entries(body).slice(count));
    expect({ ...kept, ...rest }).toEqual(body);
    expect(mark).toBe(marker(`${length - count} members, `, JSON.stringify(rest)));
    expect(truncated).toEqual(['postData']);
  });

  it.each<[string, unknown, string, string]>([
    [
      'a text',
      { a: `{"pin":"1234","b":"${'x'.repeat(9_000)}"}` },
      'a',
      `{"pin":"[REDACTED]","b":"${'x'.repeat(9_000)}"}`,
    ],
    [
      'members',
      { ...Object.fromEntries(Array.from({ length: 1_999 }, (_x, i) => [`k${i}`, 1])), pin: 1234, z: 1 },
      '[truncated]',
      '{"pin":"[REDACTED]","z":1}',
    ],
    [
      'a value of which the name was kept',
      {
        name: 'pin',
        ...Object.fromEntries(Array.from({ length: 1_998 }, (_x, i) => [`k${i}`, 1])),
        value: 1234,
      },
      '[truncated]',
      '{"value":"[REDACTED]"}',
    ],
  ])('has its secrets masked before it is hashed: %s', async (_title, body, key, visible) => {
    const { postData } = await subject.record(json(body));
    expect(String((postData as Record<string, unknown>)[key])).toContain(`sha256 ${sha256(visible)}]`);
  });

  it('is named by the paths of what was cut', async () => {
    const long = 'x'.repeat(9_000);
    const sent = {
      ...json({ a: { 'b.c': [1, long] }, d: long }),
      target: `/x?q=${long}`,
      headers: { 'x-long': long },
    };
    const { truncated, url } = await subject.record(sent);
    expect(truncated).toEqual(
      expect.arrayContaining(['headers.x-long', 'queryParams.q', 'postData.a.b.c.1', 'postData.d', 'url']),
    );
    expect(truncated).toHaveLength(5);
    expect(url).toHaveLength(1_000);
  });

  it('is not named by more paths than there is room for', async () => {
    const body = Array.from({ length: 500 }, () => ({ ['k'.repeat(500)]: 'x'.repeat(8_193) }));
    const { truncated } = await subject.record(json(body));
    expect(truncated.length).toBeGreaterThan(3);
    expect(truncated.join('').length).toBeLessThan(1_100);
    expect((await subject.record(get('/x'))).truncated).toEqual([]);
  });
});
