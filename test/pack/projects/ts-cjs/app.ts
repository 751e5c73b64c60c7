import type { AddressInfo } from 'node:net';

import express = require('express');
import audits = require('express-audit-events');
import mongoose = require('mongoose');

const { AUDIT_SPOOL_DIR = '', AUDIT_TOKEN = '', JWT_SECRET = '', MONGODB_URI = '' } = process.env;
const durability: audits.Durability = 'spool';
const audit: audits.Audit = audits.createAudit({
  mongo: mongoose.connection,
  source: 'ts-cjs',
  durability,
  spool: { directory: AUDIT_SPOOL_DIR, minFreeBytes: 0 },
});
const authenticate = audits.staticTokens({ [AUDIT_TOKEN]: { id: 'reader', tenants: '*' } });

const app = express();
app.use(audit.middleware());
app.use(express.json());
app.get('/spool', async (_req, res) => {
  const processes: readonly audits.SpooledProcess[] = await audits.readSpool(AUDIT_SPOOL_DIR);
  res.json(processes.map(({ isAlive }) => isAlive));
});
app.use('/audit-events', audit.router({ authenticate }));
app.use('/by-jwt', audit.router({ authenticate: audits.jwt({ secret: JWT_SECRET }) }));
app.put('/orders/:id', (req, res) => {
  const id: string = req.audit.id;
  req.audit.name('OrderChanged').content({ by: id });
  res.json(req.body);
});
app.use(audit.errors());

const server = app.listen(0, '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
void mongoose.connect(MONGODB_URI);

async function stop(): Promise<void> {
  await audit.close();
  await mongoose.disconnect();
}
process.once('SIGTERM', () => server.close(() => void stop()));
