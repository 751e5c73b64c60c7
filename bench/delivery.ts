/** What auditing promises beside its cost: nobody waits, events arrive soon and fast, memory is bounded. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mongoFor } from '../examples/mongod';
import { measureLatency } from './latency';
import { measureMemory } from './memory';
import { measureThroughput } from './throughput';
import { measureVisibility } from './visibility';

async function main(): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'bench-'));
  const mongo = await mongoFor();
  const database = (name: string): string => {
    const uri = new URL(mongo.uri);
    uri.pathname = `/bench_${process.pid}_${name}`;
    return uri.toString();
  };
  try {
    await measureLatency(directory);
    await measureVisibility(database('visibility'), directory);
    await measureThroughput(database('throughput'));
    await measureMemory();
  } finally {
    await mongo.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
