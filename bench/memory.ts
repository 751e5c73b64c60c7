import { startChild } from './child';
import { printTable } from './figures';
import type { Flooded } from './flood';
import { PAYLOADS } from './payloads';

/** Default of the option `limits.maxQueueBytes`. */
const BOUND_BYTES = 32 * 1024 * 1024;

const mib = (bytes: number): string => (bytes / 1024 ** 2).toFixed(1);

/** Queue memory stays within its bound at any load. */
export async function measureMemory(): Promise<void> {
  const rows: string[][] = [];
  for (const name of Object.keys(PAYLOADS)) {
    const child = startChild('flood', [name], ['--expose-gc']);
    const { kept, dropped, queueBytes, grownBytes } = await child.ask<Flooded>('flood');
    await child.stop();
    const share = (grownBytes / BOUND_BYTES).toFixed(2);
    rows.push([name, String(kept), String(dropped), mib(queueBytes), mib(grownBytes), share]);
  }
  printTable(
    `Queue memory without MongoDB, flooded: the bound is ${mib(BOUND_BYTES)} MiB or 10000 events`,
    ['', 'kept', 'dropped', 'MiB by its own count', 'MiB on the heap', 'of the bound'],
    rows,
  );
}
