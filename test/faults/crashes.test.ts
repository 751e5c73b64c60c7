import { play } from './scenario';
import { scenario } from './scenarios';

jest.setTimeout(120_000);

/** Enough to see a promise broken; `npm run test:faults` goes on for longer. */
const SHORT = 0.02;

describe('an app that is killed', () => {
  it('at memory loses what was queued, which the oracle sees', async () => {
    const row = await play(scenario('SIGKILL'), 'memory', SHORT);
    expect(row.lost).toBeGreaterThan(0);
    expect({ broken: row.broken, duplicated: row.duplicated }).toEqual({ broken: [], duplicated: 0 });
  });
});

describe('what a killed app has promised', () => {
  it.each([
    ['SIGKILL', 'spool'],
    ['SIGKILL', 'strict-disk'],
    ['crash in recovery', 'spool'],
    ['two on one directory', 'spool'],
  ] as const)('is there once: %s, at %s', async (name, level) => {
    const { broken, lost, duplicated } = await play(scenario(name), level, SHORT);
    expect({ broken, lost, duplicated }).toEqual({ broken: [], lost: 0, duplicated: 0 });
  });
});

describe('an app whose event loop is blocked', () => {
  it('loses and doubles nothing', async () => {
    const { broken, lost } = await play(scenario('event loop blocked 5 s'), 'memory', SHORT);
    expect({ broken, lost }).toEqual({ broken: [], lost: 0 });
  });
});
