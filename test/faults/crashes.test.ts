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

describe('an app whose event loop is blocked', () => {
  it('loses and doubles nothing', async () => {
    const { broken, lost } = await play(scenario('event loop blocked 5 s'), 'memory', SHORT);
    expect({ broken, lost }).toEqual({ broken: [], lost: 0 });
  });
});
