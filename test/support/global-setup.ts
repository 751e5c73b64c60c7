import { findMongod } from '../../examples/find-mongod';
import { mongoFor } from '../../examples/mongod';
import type { Running } from './global-teardown';

/** One MongoDB for all test files; the path of mongod is for those that start another one of their own. */
// biome-ignore lint/style/noDefaultExport: jest asks for it
export default async function globalSetup(): Promise<void> {
  const log = (line: string) => void process.stderr.write(`${line}\n`);
  try {
    process.env.MONGOMS_SYSTEM_BINARY = await findMongod({ log });
  } catch (error) {
    // With a MongoDB given, most of the tests can do without a mongod.
    if (!process.env.MONGODB_URI) throw error;
    log(String(error));
  }
  const mongo = await mongoFor({ log });
  process.env.TEST_MONGODB_URI = mongo.uri;
  (globalThis as Running).testMongo = mongo;
}
