import fc from 'fast-check';
import { createUuid7, type Uuid7 } from '../../lib/record/uuid';

const UUID_7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const LATEST = 2 ** 48 - 2 ** 20;

function millisOf({ uuid }: Uuid7): number {
  return Number.parseInt(uuid.slice(0, 8) + uuid.slice(9, 13), 16);
}

/** A clock that reads these times, one after the other. */
function clockOf(times: readonly number[]): () => number {
  let next = 0;
  return () => times[next++] ?? Number.NaN;
}

function expectIncreasing(made: readonly Uuid7[]): void {
  made.forEach(({ uuid }, i) => {
    expect(uuid).toMatch(UUID_7);
    if (i > 0) expect(uuid > (made[i - 1]?.uuid ?? '')).toBe(true);
  });
}

describe('a uuid of version 7', () => {
  it('increases strictly and has its version and variant, whatever the clock does', () => {
    const time = fc.integer({ min: 0, max: LATEST });
    const step = fc.oneof(
      fc.constant(0),
      fc.integer({ min: -5, max: 5 }),
      fc.integer({ min: -1e12, max: 1e12 }),
    );
    fc.assert(
      fc.property(time, fc.array(step, { minLength: 1, maxLength: 200 }), (start, steps) => {
        const times = [start];
        for (const by of steps) times.push(Math.min(LATEST, Math.max(0, (times.at(-1) ?? 0) + by)));
        const uuid7 = createUuid7(clockOf(times));
        const made = times.map(() => uuid7());
        expectIncreasing(made);
        expect(made.map(({ timestamp }) => timestamp)).toEqual(times);
      }),
    );
  });

  it('carries the milliseconds of a clock that goes forward', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 0, max: LATEST }), { minLength: 1 }), (times) => {
        const sorted = [...times].sort((a, b) => a - b);
        const uuid7 = createUuid7(clockOf(sorted));
        expect(sorted.map(() => millisOf(uuid7()))).toEqual(sorted);
      }),
    );
  });

  it('stays ahead of a clock that stepped back, and tells the time of the clock', () => {
    const uuid7 = createUuid7(clockOf([5_000, 1_000, 1_001, 5_000, 5_001]));
    const made = Array.from({ length: 5 }, () => uuid7());
    expectIncreasing(made);
    expect(made.map(millisOf)).toEqual([5_000, 5_000, 5_000, 5_000, 5_001]);
    expect(made.map(({ timestamp }) => timestamp)).toEqual([5_000, 1_000, 1_001, 5_000, 5_001]);
  });

  it('increases strictly through 300,000 in one millisecond', () => {
    const uuid7 = createUuid7(() => 1_700_000_000_000);
    let last = '';
    for (let i = 0; i < 300_000; i++) {
      const { uuid } = uuid7();
      if (uuid <= last) throw new Error(`${uuid} came after ${last}`);
      last = uuid;
    }
    expect(last).toMatch(UUID_7);
  });

  it('is not to be guessed from another of the same millisecond', () => {
    const tails = new Set(
      Array.from({ length: 1_000 }, () => createUuid7(() => 1_700_000_000_000)().uuid.slice(14)),
    );
    expect(tails.size).toBe(1_000);
  });
});
