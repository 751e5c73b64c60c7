import { EXPRESSES } from '../support/app';
import { json, type Subject, startSubject } from './harness';

const JWT = 'eyJhbGciOiJIUzI1NiJ9.eyJhbGciOiJIUzI1NiJ9.abc';

describe.each(EXPRESSES)('members of one object on %s', (_, express) => {
  let subject: Subject;
  beforeAll(async () => {
    subject = await startSubject({ express });
  });
  afterAll(() => subject.close());

  it.each<[string, Record<string, unknown>, readonly unknown[]]>([
    ['a masked key and a mask', { [JWT]: 'first', '[REDACTED]': 'second' }, ['first', 'second']],
    ['a mask and a masked key', { '[REDACTED]': 'first', [JWT]: 'second' }, ['first', 'second']],
    [
      'masked keys and numbered masks',
      { '[REDACTED]': 1, '[REDACTED] 2': 2, [JWT]: 3, [`${JWT}d`]: 4, '[REDACTED] 3': 5, '[REDACTED] 4': 6 },
      [1, 2, 3, 4, 5, 6],
    ],
  ])('are all kept: %s', async (_title, body, values) => {
    const { postData } = await subject.record(json(body));
    expect(Object.values(postData as object)).toEqual(values);
    expect(JSON.stringify(postData)).not.toContain('eyJ');
  });

  it('are kept beside the marker of a cut', async () => {
    const many = Object.fromEntries(Array.from({ length: 2_100 }, (_x, i) => [`k${i}`, i]));
    const { postData } = await subject.record(json({ '[truncated]': 'mine', ...many }));
    const entries = Object.entries(postData as object);
    expect(entries[0]).toEqual(['[truncated]', 'mine']);
    expect(entries.at(-1)).toEqual([
      expect.stringMatching(/^\[truncated\] \d+$/),
      expect.stringContaining('members'),
    ]);
  });

  it('are told apart in linear time', async () => {
    const keys = Array.from({ length: 1_000 }, (_x, i) => [
      [`[REDACTED] ${i}`, i],
      [`${JWT}${i}`, i],
    ]).flat();
    const started = performance.now();
    const { postData } = await subject.record(json({ '[REDACTED]': 0, ...Object.fromEntries(keys) }));
    expect(performance.now() - started).toBeLessThan(2_000);
    expect(Object.keys(postData as object).length).toBeGreaterThan(1_900);
  });
});
