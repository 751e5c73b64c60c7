import express from 'express';
import { createAudit } from 'express-audit-events';
import { register } from 'prom-client';

const audit = createAudit({ mongo: process.env.MONGODB_URI ?? 'mongodb://127.0.0.1/shop' });
const app = express();

// #region operations
app.use('/healthz', audit.health()); // in front of the middleware: its requests are no events
audit.metrics(); // on the default registry of prom-client
app.use('/metrics', (_req, res, next) => {
  register.metrics().then((text) => res.type(register.contentType).send(text), next);
});
// #endregion
app.use(audit.middleware());
app.get('/hello', (_req, res) => {
  res.send('hello');
});

// #region attach
const server = app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1');
const detach = audit.attach(server); // upgrades, CONNECT, malformed requests, header overflows, request timeouts
// #endregion
process.once('SIGTERM', () => {
  detach();
  server.close(() => void audit.close());
});
