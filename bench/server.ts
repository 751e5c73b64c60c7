import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { answerParent } from './child';
import { mount, VARIANTS, type VariantName } from './variants';

/** One Express 5 app with JSON routes, and one variant in front of them. */
async function main([name = '', uri = '', directory = '']: readonly string[]): Promise<void> {
  const variant = await VARIANTS[name as VariantName]({ uri, directory });
  const app = express();
  mount(app, variant);
  app.use(express.json());
  app.get('/orders/:id', (req, res) => {
    res.json({ id: req.params.id, name: 'a thing', price: 9.95, tags: ['x', 'y'] });
  });
  app.post('/orders', (req, res) => {
    res.status(201).json({ id: '42', lines: req.body.lines.length });
  });
  const server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  answerParent({
    port: () => port,
    /** CPU time of this process so far, in microseconds, after everything it has begun. */
    async cpu() {
      await variant.settle();
      const { user, system } = process.cpuUsage();
      return user + system;
    },
  });
}

void main(process.argv.slice(2));
