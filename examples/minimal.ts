// #region minimal

import express from 'express';
import { createAudit, staticTokens } from 'express-audit-events';

const audit = createAudit({ mongo: process.env.MONGODB_URI ?? 'mongodb://127.0.0.1/shop' });
const authenticate = staticTokens({ [process.env.AUDIT_TOKEN ?? '']: { id: 'auditor', tenants: '*' } });

const app = express();
app.use(audit.middleware()); // records every request from here on
app.use(express.json());
app.use('/audit-events', audit.router({ authenticate })); // serves the trail
app.get('/hello/:name', (req, res) => {
  res.json({ hello: req.params.name });
});
app.use(audit.errors()); // notes why a request failed

const server = app.listen(3000, '127.0.0.1');
process.once('SIGTERM', () => server.close(() => void audit.close()));
// #endregion
