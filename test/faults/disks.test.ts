import { DISKS } from './disks';
import { play } from './scenario';
import { scenario } from './scenarios';

jest.setTimeout(120_000);

const SHORT = 0.02;
const FAULTS = ['disk full', 'directory removed', 'EIO on write'].filter((name) =>
  DISKS.some((one) => one.name === name),
);

describe('a disk that fails', () => {
  it.each(FAULTS)('at spool costs no event and no request, and is left behind: %s', async (name) => {
    const { broken, lost, rejected } = await play(scenario(name), 'spool', SHORT);
    expect({ broken, lost, rejected }).toEqual({ broken: [], lost: 0, rejected: 0 });
  });

  it.each(FAULTS)('at strict costs no event, and is left behind: %s', async (name) => {
    const { broken, lost } = await play(scenario(name), 'strict-disk', SHORT);
    expect({ broken, lost }).toEqual({ broken: [], lost: 0 });
  });
});
