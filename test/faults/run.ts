/**
 * Plays every fault at every level and prints what was promised, and what MongoDB has of it.
 *
 * `--only sigkill,frozen` plays those whose names contain it, `--level spool` one level, `--scale 0.1` a tenth of each. Ends with 1 when a
 * promise was broken.
 */
import { parseArgs } from 'node:util';
import { Database } from './database';
import { measureStrict } from './figures';
import { LEVELS, type Level } from './ledger';
import { play, type Row, type Scenario } from './scenario';
import { SCENARIOS } from './scenarios';
import { tableHead, tableRow } from './table';

type Wanted = (name: string) => boolean;

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    level: { type: 'string', default: LEVELS.join(',') },
    scale: { type: 'string', default: '1' },
  },
});

async function attempt(scenario: Scenario, level: Level, scale: number): Promise<Row | null> {
  try {
    return await play(scenario, level, scale);
  } catch (error) {
    console.log(`${scenario.name.padEnd(24)}  ${level.padEnd(12)}  FAILED: ${error}`);
    return null;
  }
}

async function playAll(wanted: Wanted, levels: readonly Level[], scale: number): Promise<boolean> {
  console.log(tableHead());
  let isKept = true;
  let rows = 0;
  for (const scenario of SCENARIOS.filter(({ name }) => wanted(name)))
    for (const level of scenario.levels.filter((one) => levels.includes(one))) {
      const row = await attempt(scenario, level, scale);
      rows += 1;
      if (row !== null) console.log(tableRow(row));
      if (row === null || row.broken.length > 0) isKept = false;
    }
  if (wanted('latency of strict') && levels.includes('strict-disk')) {
    const figure = await measureStrict(scale);
    console.log(`${figure.line}  ${figure.isKept ? 'kept' : 'BROKEN'}`);
    rows += 1;
    isKept &&= figure.isKept;
  }
  // what never ran keeps no promise
  return isKept && rows > 0;
}

async function main(): Promise<void> {
  const asked = values.level.split(',') as Level[];
  const levels = LEVELS.filter((one) => asked.includes(one));
  const names = values.only.toLowerCase().split(',').filter(Boolean);
  const wanted: Wanted = (name) =>
    names.length === 0 || names.some((part) => name.toLowerCase().includes(part));
  const database = await Database.start();
  process.env.TEST_MONGODB_URI = database.uri;
  const isKept = await playAll(wanted, levels, Number(values.scale)).finally(() => database.dispose());
  console.log(isKept ? 'Every promise was kept.' : 'A promise was broken.');
  process.exitCode = isKept ? 0 : 1;
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));
main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
