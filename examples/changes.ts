import express from 'express';
import { createAudit } from 'express-audit-events';
import mongoose, { Schema } from 'mongoose';

const uri = process.env.MONGODB_URI ?? 'mongodb://127.0.0.1/shop';
const audit = createAudit({ mongo: uri });
const priceSchema = new Schema({ list: String, amount: Number });
priceSchema.plugin(audit.changes());
const Price = mongoose.model('Price', priceSchema);

async function raisePrices(): Promise<void> {
  // #region jobs
  await audit.run({ user: { id: 'nightly' }, tenant: 'acme' }, async () => {
    await Price.updateMany({}, { $mul: { amount: 1.1 } });
  });
  // #endregion
}

const app = express();
app.use(audit.middleware(), express.json());
app.post('/invoices/:id/pay', (req, res) => {
  // #region by-hand
  req.audit.change({ type: 'invoices', id: 7, before: { paid: false }, after: { paid: true } });
  req.audit.associated('roles', { type: 'roles', id: 5 });
  req.audit.disassociated('roles', { type: 'roles', id: 5 });
  // #endregion
  res.json({ id: req.params.id, paid: true });
});
app.post('/raise', (_req, res, next) => {
  raisePrices().then(() => res.json({ raised: true }), next);
});

void mongoose.connect(uri);
const server = app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1');
process.once('SIGTERM', () => server.close(() => void audit.close().then(() => mongoose.disconnect())));
