import type { mongoFor } from '../../examples/mongod';

/** Jest gives the setup and the teardown nothing in common but the globals. */
export type Running = typeof globalThis & { testMongo?: Awaited<ReturnType<typeof mongoFor>> };

// biome-ignore lint/style/noDefaultExport: jest asks for it
export default async function globalTeardown(): Promise<void> {
  await (globalThis as Running).testMongo?.stop();
}
