const express = require('express');
const { createAudit, jwt, readSpool, staticTokens } = require('express-audit-events');

const { AUDIT_SPOOL_DIR, AUDIT_TOKEN, JWT_SECRET, MONGODB_URI } = process.env;
const audit = createAudit({
  mongo: MONGODB_URI,
  source: 'cjs',
  durability: 'spool',
  spool: { directory: AUDIT_SPOOL_DIR, minFreeBytes: 0 },
});
const authenticate = staticTokens({ [AUDIT_TOKEN]: { id: 'reader', tenants: '*' } });

const app = express();
app.use(audit.middleware());
app.use(express.json());
app.get('/spool', async (_req, res) => {
  const processes = await readSpool(AUDIT_SPOOL_DIR);
  res.json(processes.map(({ isAlive }) => isAlive));
});
app.use('/audit-events', audit.router({ authenticate }));
app.use('/by-jwt', audit.router({ authenticate: jwt({ secret: JWT_SECRET }) }));
app.put('/orders/:id', (req, res) => {
  req.audit.name('OrderChanged').content({ by: req.audit.id });
  res.json(req.body);
});
app.use(audit.errors());

const server = app.listen(0, '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}`);
});
process.once('SIGTERM', () => server.close(() => void audit.close()));
