import { type OutgoingHttpHeaders, request, type ServerOptions } from 'node:http';
import type express5 from 'express';
import type { Express, NextFunction, Request, Response } from 'express';
import { mongo } from 'mongoose';
import type { Audit, AuditOptions, StoredEvent } from '../../lib/index';
import { freshUri, startApp, type TestApp } from '../support/app';

/** A request as a client may send it: nothing of it is checked or completed. */
export interface Sent {
  readonly method?: string;
  /** The request target, byte for byte. */
  readonly target?: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string | Buffer;
  /** @default 'application/json' where there is a body */
  readonly type?: string;
}

export const json = (body: unknown): Sent => ({ body: JSON.stringify(body) });
export const form = (body: string): Sent => ({ body, type: 'application/x-www-form-urlencoded' });
export const text = (body: string): Sent => ({ body, type: 'text/plain' });
export const get = (target: string, headers: OutgoingHttpHeaders = {}): Sent => ({ target, headers });

export interface Subject extends TestApp {
  readonly uri: string;
  /** Resolves with the event's uuid once the response has ended. */
  send(sent: Sent): Promise<string>;
  /** Sends one request and gives the event that it became. */
  record(sent: Sent): Promise<StoredEvent>;
  /** Every document by its collection, as the bytes that MongoDB holds. */
  documents(): Promise<ReadonlyMap<string, readonly Buffer[]>>;
  /** All documents of all collections. */
  storedBytes(): Promise<Buffer>;
}

type Handler = (req: Request, res: Response, next: NextFunction, audit: Audit) => void;

export interface SubjectOptions {
  readonly express?: typeof express5;
  readonly options?: Partial<AuditOptions>;
  readonly server?: ServerOptions;
  /** Answers every request that no route of `routes` has answered. @default 200 */
  readonly handler?: Handler;
  readonly routes?: (app: Express, express: typeof express5) => void;
}

function send(url: string, sent: Sent): Promise<string> {
  const { hostname, port } = new URL(url);
  const { target = '/', body, method = body === undefined ? 'GET' : 'POST', headers = {}, type } = sent;
  const entity = body === undefined ? {} : { 'content-type': type ?? 'application/json' };
  const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) };
  return new Promise((resolve, reject) => {
    const options = { hostname, port, path: target, method, headers: { ...entity, ...length, ...headers } };
    request({ ...options, agent: false }, (response) => {
      response.resume().on('end', () => resolve(String(response.headers['x-audit-id'])));
    })
      .on('error', reject)
      .end(body);
  });
}

async function readDocuments(client: mongo.MongoClient): Promise<Map<string, Buffer[]>> {
  const documents = new Map<string, Buffer[]>();
  for (const collection of await client.db().collections()) {
    const raw = await collection.find({}, { raw: true }).toArray();
    documents.set(collection.collectionName, raw as unknown as Buffer[]);
  }
  return documents;
}

/** The audit first, all of Express' body parsers, the routes, and `audit.errors()`. */
export async function startSubject({
  express,
  options,
  server: serverOptions,
  routes,
  handler = (_req, res) => void res.json({ ok: true }),
}: SubjectOptions = {}): Promise<Subject> {
  const uri = typeof options?.mongo === 'string' ? options.mongo : freshUri();
  const app = await startApp({
    express,
    options: { mongo: uri, ensureIndexes: false, ...options },
    server: serverOptions,
    build(server, audit, lib) {
      server.use(audit.middleware());
      server.use(lib.json({ limit: '64mb' }), lib.urlencoded({ extended: true, limit: '1mb' }));
      server.use(lib.text({ limit: '64mb', type: ['text/*', 'application/x-ndjson'] }));
      server.use(lib.raw({ limit: '64mb', type: 'application/octet-stream' }));
      routes?.(server, lib);
      server.use((req, res, next) => handler(req, res, next, audit));
      server.use(audit.errors());
      server.use((_error: unknown, _req: Request, res: Response, _next: NextFunction) => {
        res.status(500).json({ ok: false });
      });
    },
  });
  await app.audit.ready();
  let client: mongo.MongoClient | undefined;
  const documents = async () => {
    await app.audit.flush();
    client ??= await mongo.MongoClient.connect(uri);
    return readDocuments(client);
  };
  return {
    ...app,
    uri,
    send: (sent) => send(app.url, sent),
    async record(sent) {
      const uuid = await send(app.url, sent);
      await app.audit.flush();
      const event = await app.audit.reader.get({ tenants: '*' }, uuid, { maxTimeMS: 20_000 });
      if (event === null) throw new Error(`event ${uuid} is not stored`);
      return event;
    },
    documents,
    storedBytes: async () => Buffer.concat([...(await documents()).values()].flat()),
    async close() {
      await client?.close();
      await app.close();
    },
  };
}

/** A subject for one test, closed also where the test fails. */
export async function withSubject(
  options: SubjectOptions,
  test: (subject: Subject) => Promise<void>,
): Promise<void> {
  const subject = await startSubject(options);
  try {
    await test(subject);
  } finally {
    await subject.close();
  }
}

/** How a number may stand in BSON. */
export function encodings(value: number): Buffer[] {
  const int32 = Buffer.alloc(4);
  const double = Buffer.alloc(8);
  const int64 = Buffer.alloc(8);
  int32.writeInt32LE(value | 0);
  double.writeDoubleLE(value);
  int64.writeBigInt64LE(BigInt(value));
  return [Buffer.from(String(value)), int32, double, int64];
}
