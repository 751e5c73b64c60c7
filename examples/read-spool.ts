import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readSpool } from 'express-audit-events';

const directory = process.env.AUDIT_SPOOL_DIR || join(tmpdir(), 'audit-spool');

async function main(): Promise<void> {
  // #region read-spool
  for (const { writer, isAlive, segments, events } of await readSpool(directory)) {
    console.log(writer, isAlive ? 'lives' : 'is dead', `${segments.length} files`);
    for await (const { state, event } of events()) console.log(state, event.uuid, event.name);
  }
  // #endregion
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
