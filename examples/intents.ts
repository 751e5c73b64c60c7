import express, { type RequestHandler } from 'express';
import { createAudit } from 'express-audit-events';

const mongo = process.env.MONGODB_URI ?? 'mongodb://127.0.0.1/shop';

/** In place of your own: believes whoever it is told. */
const logIn: RequestHandler = (req, _res, next) => {
  Object.assign(req, { user: { id: req.get('X-User') ?? 'nobody' } });
  next();
};

// #region intents
const audit = createAudit({ mongo, intent: (req) => req.method === 'DELETE' });
const app = express();
app.use(audit.middleware(), express.json(), logIn);
app.use(audit.intent()); // here the user and the body are known; without this line an intent is written on arrival
// #endregion intents

app.delete('/accounts/:id', (req, res) => {
  res.json({ deleted: req.params.id });
});

const server = app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1');
process.once('SIGTERM', () => server.close(() => void audit.close()));
