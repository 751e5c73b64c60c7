import { CRASHES } from './crashes';
import { DISKS } from './disks';
import { longOutage } from './figures';
import { NETWORK } from './network';
import { OUTAGES } from './outages';
import { REFUSALS } from './refusals';
import type { Scenario } from './scenario';

/** Every fault, in the order of the table. */
export const SCENARIOS: readonly Scenario[] = [
  ...CRASHES,
  ...OUTAGES,
  longOutage,
  ...NETWORK,
  ...REFUSALS,
  ...DISKS,
];

export function scenario(name: string): Scenario {
  const found = SCENARIOS.find((one) => one.name === name);
  if (found === undefined) throw new Error(`There is no fault '${name}'`);
  return found;
}
