/** The app under fault: a process of its own, set up by its environment, that tells its parent its port. */
import cluster from 'node:cluster';
import { openSync, writeSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express, { type Express, type Request, type RequestHandler, type Response } from 'express';
import { type Audit, type AuditOptions, createAudit } from 'express-audit-events';
import mongoose, { Schema } from 'mongoose';
import type { Disk } from './faulty-disk';

const {
  MONGODB_URI = '',
  AUDIT_DURABILITY = 'memory',
  AUDIT_SPOOL_DIR = '',
  AUDIT_STRICT_AT = '',
  AUDIT_OPTIONS = '{}',
  APP_FILE = '',
  APP_HANDLED_LOG,
  APP_DOCUMENTS,
  APP_WORKERS,
  APP_CLOSE_MS = '1000',
} = process.env;

type Durability = NonNullable<AuditOptions['durability']>;
type StrictAt = NonNullable<NonNullable<AuditOptions['strict']>['at']>;

/** Installed before anything else was loaded, by `--require`. */
const { disk } = globalThis as { disk?: Disk };

/** As options of `createAudit`; the level `memory` is told nothing of a spool. */
function levelOptions(): Partial<AuditOptions> {
  const { spool, ...more } = JSON.parse(AUDIT_OPTIONS) as AuditOptions;
  if (AUDIT_DURABILITY === 'memory') return more;
  return {
    ...more,
    durability: AUDIT_DURABILITY as Durability,
    spool: { directory: AUDIT_SPOOL_DIR, ...spool },
    ...(AUDIT_STRICT_AT !== '' && { strict: { at: AUDIT_STRICT_AT as StrictAt } }),
  };
}

/** What is written here was begun by a handler, even when the process dies at once. */
function createHandledLog(): RequestHandler {
  if (APP_HANDLED_LOG === undefined) return (_req, _res, next) => next();
  const log = openSync(APP_HANDLED_LOG, 'a');
  return (req, _res, next) => {
    try {
      writeSync(log, `${req.headers['x-request-id']}\n`);
    } catch {
      // the fault is about every file of this process
    }
    next();
  };
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function streamChunks(_req: Request, res: Response): Promise<void> {
  for (let chunk = 0; chunk < 4; chunk++) {
    res.write('x'.repeat(500));
    await pause(1);
  }
  res.end();
}

/** All bytes that the client waits for leave before `end()` is called. */
function meetLength(_req: Request, res: Response): void {
  const whole = Buffer.alloc(300, 'y');
  res.setHeader('Content-Length', whole.length);
  res.write(whole);
  setTimeout(() => res.end(), 2);
}

function addAnswers(app: Express): void {
  app.all('/json/:id', (req, res) => {
    res.json({ id: req.params.id });
  });
  app.all('/length/:id', meetLength);
  app.all('/file/:id', (_req, res) => res.sendFile(APP_FILE));
  app.all('/stream/:id', (req, res, next) => {
    streamChunks(req, res).catch(next);
  });
  app.all('/echo/:id', (req, res) => {
    res.status(201).json(req.body);
  });
  app.all('/poison/:id', (req, res) => {
    res.json({ id: req.params.id });
  });
}

/** A write of the app's own, whose change is an event too. */
function addDocuments(app: Express, audit: Audit): void {
  const schema = new Schema({ _id: String, note: String }, { versionKey: false });
  schema.plugin(audit.changes());
  const connection = mongoose.createConnection(MONGODB_URI);
  connection.on('error', () => {});
  const Note = connection.model('Note', schema, 'notes');
  app.post('/document/:id', (req, res, next) => {
    Note.create({ _id: req.params.id, note: req.body.note }).then(
      () => res.status(201).json({ id: req.params.id }),
      next,
    );
  });
}

/** Beside the app, which knows nothing of it. */
function createControl(audit: Audit): Express {
  const control = express();
  control.get('/control/stats', (_req, res) => {
    res.json({ stats: audit.stats(), rss: process.memoryUsage().rss, faults: disk?.failed ?? 0 });
  });
  control.get('/control/block', (req, res) => {
    res.json({});
    res.on('finish', () => {
      const until = performance.now() + Number(req.query.ms);
      while (performance.now() < until);
    });
  });
  control.get('/control/disk', (req, res) => {
    disk?.fail(String(req.query.calls ?? ''), String(req.query.code ?? ''));
    res.json({});
  });
  return control;
}

function createApp(audit: Audit): Express {
  const app = express();
  app.use(audit.middleware(), express.json());
  app.use(createHandledLog());
  addAnswers(app);
  if (APP_DOCUMENTS !== undefined) addDocuments(app, audit);
  return app;
}

function serve(): void {
  const audit = createAudit({ mongo: MONGODB_URI, ...levelOptions() });
  const app = createApp(audit);
  const control = createControl(audit);
  const server = createServer((req, res) => {
    if (req.url?.startsWith('/control/')) control(req, res);
    else app(req, res);
  });
  server.listen(0, '127.0.0.1', () => {
    process.send?.({ port: (server.address() as AddressInfo).port });
  });
  server.keepAliveTimeout = 60_000;
  process.on('SIGTERM', async () => {
    server.close();
    server.closeAllConnections();
    await audit.close({ deadlineMs: Number(APP_CLOSE_MS) });
    process.exit(0);
  });
  process.on('disconnect', () => process.exit(0));
}

function serveByWorkers(count: number): void {
  const tell = (): void => {
    const pids = Object.values(cluster.workers ?? {}).flatMap((worker) => worker?.process.pid ?? []);
    process.send?.({ workers: pids });
  };
  // a connection that the primary hands to a worker as that one dies would hang for ever
  cluster.schedulingPolicy = cluster.SCHED_NONE;
  cluster.on('message', (_worker, message: { port?: number }) => {
    process.send?.(message);
    tell();
  });
  cluster.on('exit', () => cluster.fork());
  for (let worker = 0; worker < count; worker++) cluster.fork();
  process.on('disconnect', () => process.exit(0));
}

if (APP_WORKERS !== undefined && cluster.isPrimary) serveByWorkers(Number(APP_WORKERS));
else serve();
