import { play } from './scenario';
import { scenario } from './scenarios';

jest.setTimeout(120_000);

const SHORT = 0.02;

describe('no event is lost, doubled or left without its end', () => {
  it.each([
    ['MongoDB killed', 'memory'],
    ['MongoDB stopped', 'strict-mongo'],
    ['primary killed', 'spool'],
    ['answer lost after commit', 'strict-disk'],
    ['validator refuses some', 'strict-disk'],
  ] as const)('%s, at %s', async (name, level) => {
    const { broken, lost, acknowledged, stored } = await play(scenario(name), level, SHORT);
    expect({ broken, lost, stored }).toEqual({ broken: [], lost: 0, stored: acknowledged });
  });
});

describe('a queue that overflows', () => {
  it('names by gaps every event that it lost, and no other', async () => {
    const row = await play(scenario('queue overflows'), 'memory', SHORT);
    expect(row.broken).toEqual([]);
    expect(row.lost).toBeGreaterThan(0);
    expect(row.declared).toBe(row.lost);
  });
});
