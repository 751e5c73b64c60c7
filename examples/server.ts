import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import express, { type Express } from 'express';
import { type Audit, createAudit } from 'express-audit-events';
import mongoose from 'mongoose';
import { levelOf } from './durability';
import { mongoFor } from './mongod';
import { createReaders, type Readers } from './readers';
import { addShop, showError } from './shop';
import { sendTraffic } from './traffic';
import { mountTrail, TRAIL_MOUNTS } from './trail';
import { isIrrevocable, labelsOf, tenantOf, userOf } from './visitor';

const HOST = '127.0.0.1';
const START_MS = 5_000;
const RECONNECT_MS = 1_000;
/** Time for requests under way, then for the trail: together well under 10 s. */
const GRACE_MS = 2_500;
const CLOSE_MS = 4_000;
const STOP_MS = 9_500;

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

async function showTraffic(base: string, audit: Audit, isStopping: () => boolean): Promise<void> {
  try {
    await sendTraffic(base);
    await audit.flush();
    console.log(`recorded ${audit.stats().delivered} events of requests of its own\n`);
  } catch (error) {
    if (!isStopping()) throw error;
  }
}

function printHelp(base: string, { token, acmeJwt }: Readers): void {
  const yesterday = new Date(Date.now() - 86_400_000).toISOString().slice(0, 10);
  const curl = `curl -s -H 'Authorization: Token ${token}'`;
  console.log(`AUDIT_TOKEN ${token}`);
  console.log(`JWT of auditor-acme ${acmeJwt}\n`);
  console.log(`The trail is at ${TRAIL_MOUNTS.map(([path]) => path).join(', ')}\n`);
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

function createShop(audit: Audit, { authenticate }: Readers): Express {
  const app = express();
  app.use('/healthz', audit.health());
  app.use(audit.middleware());
  mountTrail(app, audit, authenticate);
  addShop(app, mongoose.connection, audit);
  app.use(audit.errors());
  app.use(showError);
  return app;
}

async function main(): Promise<void> {
  const mongo = await mongoFor({ log: (line) => console.error(line) });
  // #region options
  const audit = createAudit({
    mongo: mongo.uri,
    source: 'demo-shop',
    user: userOf, // default: req.user
    tenant: tenantOf,
    labels: labelsOf,
    intent: isIrrevocable,
    ...levelOf(), // durability, spool, strict: by the environment
  });
  // #endregion
  const readers = await createReaders(process.env.AUDIT_TOKEN || randomBytes(24).toString('base64url'));
  const server = createShop(audit, readers).listen(Number(process.env.PORT ?? 3000), HOST);
  audit.attach(server);
  let isStopping = false;

  async function stop(): Promise<void> {
    // npm passes a signal on that the whole group has had already: once is enough
    if (isStopping) return;
    isStopping = true;
    setTimeout(() => process.exit(1), STOP_MS).unref();
    await stopServing(server);
    const { pending } = await audit.close({ deadlineMs: CLOSE_MS });
    if (pending > 0) console.error(`${pending} events could not be stored`);
    await mongoose.disconnect();
    await mongo.stop();
    process.exit(0);
  }
  process.on('SIGINT', () => void stop());
  process.on('SIGTERM', () => void stop());

  await once(server, 'listening');
  const base = `http://${HOST}:${(server.address() as AddressInfo).port}`;
  const connected = connectShop(mongo.uri, () => isStopping);
  const isReady = await Promise.race([
    Promise.all([connected, audit.ready()]),
    delay(START_MS, null, { ref: false }),
  ]);
  if (process.env.DEMO_TRAFFIC !== '0' && isReady !== null) await showTraffic(base, audit, () => isStopping);
  if (isStopping) return;
  printHelp(base, readers);
  console.log(`listening on ${base}`);
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
});
