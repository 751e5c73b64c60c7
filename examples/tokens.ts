import express from 'express';
import { createAudit, jwt } from 'express-audit-events';

const audit = createAudit({ mongo: process.env.MONGODB_URI ?? 'mongodb://127.0.0.1/shop' });
const app = express();
app.use(audit.middleware());

// #region jwt
const authenticate = jwt({
  jwksUri: 'https://id.example.com/.well-known/jwks.json', // or secret, or key
  algorithms: ['RS256'],
  issuer: 'https://id.example.com/',
  audience: 'audit',
});
app.use('/history', audit.router({ dialect: 'history', authenticate }));
// #endregion jwt

const server = app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1');
process.once('SIGTERM', () => server.close(() => void audit.close()));
