import { Retry } from '../../lib/record/retry';

/** An attempt that fails until told otherwise, and counts. */
function createAttempt(): { count: number; isWell: boolean; attempt(): Promise<string> } {
  return {
    count: 0,
    isWell: false,
    async attempt() {
      this.count += 1;
      if (!this.isWell) throw new Error('not yet');
      return 'done';
    },
  };
}

const LONGEST = [100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000];

/** How often it is attempted when each pause is cut short by a millisecond, and then let pass. */
async function countsOver(pauses: readonly number[], subject: { count: number }): Promise<number[]> {
  const counts: number[] = [];
  for (const pause of pauses) {
    await jest.advanceTimersByTimeAsync(pause - 1);
    counts.push(subject.count);
    await jest.advanceTimersByTimeAsync(1);
  }
  return counts;
}

describe('a retry', () => {
  const failures: Error[] = [];
  let retry: Retry;

  beforeEach(() => {
    jest.useFakeTimers();
    failures.length = 0;
    retry = new Retry((error) => failures.push(error));
  });
  afterEach(() => {
    jest.restoreAllMocks();
    jest.useRealTimers();
  });

  it.each([
    ['longest', 1, LONGEST],
    ['shortest', 0, LONGEST.map(() => 100)],
  ])('pauses between 0.1 and 30 seconds: the %s', async (_, random, pauses) => {
    jest.spyOn(Math, 'random').mockReturnValue(random);
    const subject = createAttempt();
    const answer = retry.untilAnswered(() => subject.attempt());
    await jest.advanceTimersByTimeAsync(0);
    expect(await countsOver(pauses, subject)).toEqual(pauses.map((_, i) => i + 1));
    expect(retry.isFailing).toBe(true);
    expect(failures).toHaveLength(pauses.length + 1);
    subject.isWell = true;
    retry.wake();
    expect(await answer).toBe('done');
    expect(retry.isFailing).toBe(false);
  });

  it('begins again with short pauses when woken', async () => {
    jest.spyOn(Math, 'random').mockReturnValue(1);
    const subject = createAttempt();
    void retry.untilAnswered(() => subject.attempt());
    await jest.advanceTimersByTimeAsync(100_000);
    const { count } = subject;
    retry.wake();
    await jest.advanceTimersByTimeAsync(0);
    expect(subject.count).toBe(count + 1);
    await jest.advanceTimersByTimeAsync(200);
    expect(subject.count).toBe(count + 2);
    retry.stop();
  });

  it('gives null when stopped, in a pause or before', async () => {
    const subject = createAttempt();
    const answer = retry.untilAnswered(() => subject.attempt());
    await jest.advanceTimersByTimeAsync(0);
    retry.stop();
    expect(await answer).toBeNull();
    expect(await retry.untilAnswered(() => subject.attempt())).toBeNull();
    expect(subject.count).toBe(1);
  });

  it('reports nothing that fails after it was stopped', async () => {
    const answer = retry.untilAnswered(async () => {
      retry.stop();
      throw new Error('closed');
    });
    expect(await answer).toBeNull();
    expect(failures).toEqual([]);
  });
});
