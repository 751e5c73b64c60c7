import { createWriteStream } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Express, RequestHandler } from 'express';
import { type AuditOptions, createAudit } from 'express-audit-events';
import mongoose from 'mongoose';
import morgan from 'morgan';
import { destination, pino } from 'pino';
import { pinoHttp } from 'pino-http';

/** What a user would mount, and how to wait until all it has begun is done: that CPU time counts too. */
export interface Variant {
  readonly middleware: RequestHandler | null;
  settle(): Promise<void>;
}

export interface Place {
  /** Of a database of the variant's own. */
  readonly uri: string;
  /** For log files. */
  readonly directory: string;
}

const bare = async (): Promise<Variant> => ({ middleware: null, settle: async () => {} });

async function accessLog({ directory }: Place): Promise<Variant> {
  const file = createWriteStream(join(directory, 'morgan.log'), { flags: 'a' });
  const settle = () => new Promise<void>((resolve) => void file.write('', () => resolve()));
  return { middleware: morgan('combined', { stream: file }), settle };
}

async function pinoLog({ directory }: Place): Promise<Variant> {
  const logger = pino(destination(join(directory, 'pino.log')));
  return { middleware: pinoHttp({ logger }), settle: async () => logger.flush() };
}

/** pino's own way to be faster: lines wait in memory until there are 4 KiB of them. */
async function bufferedPinoLog({ directory }: Place): Promise<Variant> {
  const file = destination({ dest: join(directory, 'pino-buffered.log'), minLength: 4096, sync: false });
  const settle = () => new Promise<void>((resolve) => file.flush(() => resolve()));
  return { middleware: pinoHttp({ logger: pino(file) }), settle };
}

/** What one writes by hand: less is recorded, nothing is redacted, and a mongoose document is made of it. */
async function finishHandler({ uri }: Place): Promise<Variant> {
  const connection = await mongoose.createConnection(uri).asPromise();
  const { Mixed } = mongoose.Schema.Types;
  const schema = new mongoose.Schema({
    timestamp: { type: Date, index: true },
    user: { type: String, index: true },
    method: String,
    url: String,
    query: Mixed,
    body: Mixed,
    headers: Mixed,
    ip: { type: String, index: true },
    statusCode: Number,
    durationMs: Number,
  });
  const Entry = connection.model('Entry', schema);
  await Entry.init();
  const pending = new Set<Promise<unknown>>();
  const middleware: RequestHandler = (req, res, next) => {
    const startedAt = performance.now();
    const timestamp = new Date();
    res.on('finish', () => {
      const { method, originalUrl: url, query, body, headers, ip } = req;
      const durationMs = performance.now() - startedAt;
      const entry = {
        timestamp,
        method,
        url,
        query,
        body,
        headers,
        ip,
        statusCode: res.statusCode,
        durationMs,
      };
      const creation = Entry.create(entry).finally(() => pending.delete(creation));
      pending.add(creation);
    });
    next();
  };
  return { middleware, settle: async () => void (await Promise.all(pending)) };
}

const audited = (place: Place): Promise<Variant> => auditedWith(place, {});

/** Each record in a file before its response begins. */
async function spooled(place: Place): Promise<Variant> {
  const directory = await mkdtemp(join(tmpdir(), 'spool-'));
  return auditedWith(place, { durability: 'spool', spool: { directory, minFreeBytes: 0 } });
}

/** And an intent on the disk before each unsafe request is handled. */
async function strict(place: Place): Promise<Variant> {
  const directory = await mkdtemp(join(tmpdir(), 'spool-'));
  return auditedWith(place, { durability: 'strict', spool: { directory, minFreeBytes: 0 } });
}

async function auditedWith({ uri }: Place, options: Partial<AuditOptions>): Promise<Variant> {
  const audit = createAudit({ mongo: uri, ...options });
  await audit.ready();
  const settle = async (): Promise<void> => {
    const { pending } = await audit.flush();
    const { captured, delivered } = audit.stats();
    if (pending > 0 || captured !== delivered)
      throw new Error(`${captured} captured, but ${delivered} stored`);
  };
  return { middleware: audit.middleware(), settle };
}

/** Auditing at any state of MongoDB: nothing is waited for. */
async function auditedUnsettled({ uri }: Place): Promise<Variant> {
  const audit = createAudit({ mongo: uri, onError: () => {} });
  await audit.ready();
  return { middleware: audit.middleware(), settle: async () => {} };
}

export const VARIANTS = {
  bare,
  morgan: accessLog,
  'pino-http': pinoLog,
  'pino-http, buffered': bufferedPinoLog,
  'finish handler, Model.create': finishHandler,
  'express-audit-events': audited,
  'at level spool': spooled,
  'at level strict, on disk': strict,
  'express-audit-events, unsettled': auditedUnsettled,
} as const satisfies Readonly<Record<string, (place: Place) => Promise<Variant>>>;

export type VariantName = keyof typeof VARIANTS;

export function mount(app: Express, variant: Variant): void {
  if (variant.middleware !== null) app.use(variant.middleware);
}
