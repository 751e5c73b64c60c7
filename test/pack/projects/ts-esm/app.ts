import type { AddressInfo } from 'node:net';
import express from 'express';
import {
  type Audit,
  createAudit,
  jwt,
  readSpool,
  type SpooledProcess,
  type SpoolOptions,
  type StrictOptions,
  staticTokens,
} from 'express-audit-events';
import mongoose from 'mongoose';

const { AUDIT_SPOOL_DIR = '', AUDIT_TOKEN = '', JWT_SECRET = '', MONGODB_URI = '' } = process.env;
const connection = mongoose.createConnection(MONGODB_URI);
const spool: SpoolOptions = { directory: AUDIT_SPOOL_DIR, minFreeBytes: 0, fsyncMs: 50 };
const strict: StrictOptions = { at: 'disk', methods: ['PUT'], timeoutMs: 10_000 };
const audit: Audit = createAudit({
  mongo: connection,
  source: 'ts-esm',
  durability: 'strict',
  spool,
  strict,
});
const authenticate = staticTokens({ [AUDIT_TOKEN]: { id: 'reader', tenants: '*' } });

const app = express();
app.use(audit.middleware());
app.use(express.json());
app.get('/spool', async (_req, res) => {
  const processes: readonly SpooledProcess[] = await readSpool(AUDIT_SPOOL_DIR);
  res.json(processes.map(({ isAlive }) => isAlive));
});
app.use('/audit-events', audit.router({ authenticate }));
app.use('/by-jwt', audit.router({ authenticate: jwt({ secret: JWT_SECRET }) }));
app.put('/orders/:id', (req, res) => {
  const id: string = req.audit.id;
  req.audit.name('OrderChanged').content({ by: id });
  res.json(req.body);
});
app.use(audit.errors());

const server = app.listen(0, '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});

async function stop(): Promise<void> {
  await audit.close();
  await connection.close();
}
process.once('SIGTERM', () => server.close(() => void stop()));
