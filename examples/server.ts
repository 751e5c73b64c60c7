import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import express, { type Request } from 'express';
import { createAudit, staticTokens } from 'express-audit-events';
import mongoose from 'mongoose';
import { mongoFor } from './mongod';
import { addShop, showError } from './shop';
import { sendTraffic } from './traffic';

const HOST = '127.0.0.1';
const START_MS = 5_000;
const RECONNECT_MS = 1_000;
/** Time for requests under way, then for the trail: together well under 10 s. */
const GRACE_MS = 2_500;
const CLOSE_MS = 4_000;

/** For the demo only: a real app takes the user from its own authentication. */
function demoUser(req: Request) {
  const id = req.get('X-User');
  if (id === undefined || id === '') return null;
  return { id, email: `${id}@example.org`, name: id.charAt(0).toUpperCase() + id.slice(1) };
}

async function connectShop(uri: string, isStopping: () => boolean): Promise<void> {
  while (!isStopping()) {
    try {
      await mongoose.connect(uri, { bufferCommands: false, serverSelectionTimeoutMS: 2_000 });
      return;
    } catch {
      await delay(RECONNECT_MS, undefined, { ref: false });
    }
  }
}

function printHelp(base: string, token: string): void {
  const yesterday = new Date(Date.now() - 86_400_000).toISOString().slice(0, 10);
  const curl = `curl -s -H 'Authorization: Token ${token}'`;
  console.log(`AUDIT_TOKEN ${token}\n`);
  console.log('Try:');
  console.log(`  ${curl} '${base}/audit-events/?limit=2'`);
  console.log(`  ${curl} '${base}/audit-events/?user=ann&timestamp__gt=${yesterday}&sort=timestamp'`);
  console.log(
    `  ${curl} ${base}/audit-events/$(curl -s -o /dev/null -D - -H 'X-User: ann' ${base}/ping | tr -d '\\r' | sed -n 's/^X-Audit-Id: //p'; sleep 1)/\n`,
  );
}

async function stopServing(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeIdleConnections();
  await Promise.race([closed, delay(GRACE_MS)]);
  server.closeAllConnections();
  await closed;
}

async function main(): Promise<void> {
  const mongo = await mongoFor({ log: (line) => console.error(line) });
  let isStopping = false;
  void connectShop(mongo.uri, () => isStopping);

  const audit = createAudit({
    mongo: mongo.uri,
    source: 'demo-shop',
    user: demoUser,
    tenant: (req) => req.get('X-Tenant'),
  });
  const token = process.env.AUDIT_TOKEN || randomBytes(24).toString('base64url');
  const authenticate = staticTokens({ [token]: { id: 'demo-auditor', permissions: ['*'], tenants: '*' } });

  const app = express();
  app.use(audit.middleware());
  app.use('/audit-events', audit.router({ authenticate }));
  addShop(app, mongoose.connection);
  app.use(audit.errors());
  app.use(showError);

  const server = app.listen(Number(process.env.PORT ?? 3000), HOST);
  await once(server, 'listening');
  const base = `http://${HOST}:${(server.address() as AddressInfo).port}`;

  // npm passes a signal on that the whole group has had already: once is enough
  const stop = async (): Promise<void> => {
    if (isStopping) return;
    isStopping = true;
    await stopServing(server);
    const { pending } = await audit.close({ deadlineMs: CLOSE_MS });
    if (pending > 0) console.error(`${pending} events could not be stored`);
    await mongoose.disconnect();
    await mongo.stop();
    process.exit(0);
  };
  process.on('SIGINT', () => void stop());
  process.on('SIGTERM', () => void stop());

  await Promise.race([audit.ready(), delay(START_MS)]);
  if (process.env.DEMO_TRAFFIC !== '0' && audit.stats().connected && !isStopping) {
    await sendTraffic(base);
    await audit.flush();
    console.log(`recorded ${audit.stats().delivered} requests of its own\n`);
  }
  printHelp(base, token);
  console.log(`listening on ${base}`);
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
});
