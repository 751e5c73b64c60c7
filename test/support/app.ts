import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server, type ServerOptions } from 'node:http';
import type { AddressInfo } from 'node:net';
import express5, { type Express } from 'express';
import { type Audit, type AuditOptions, createAudit, type StoredEvent } from '../../lib/index';

/** Both majors, typed as Express 5: what the tests use is the same in both. */
const express4 = require('express4') as typeof express5;
export const EXPRESSES: readonly (readonly [string, typeof express5])[] = [
  ['Express 4', express4],
  ['Express 5', express5],
];

/** A URI of a database that nobody else uses. */
export function freshUri(base = process.env.TEST_MONGODB_URI ?? ''): string {
  const uri = new URL(base);
  uri.pathname = `/test_${randomUUID().replaceAll('-', '')}`;
  return uri.toString();
}

export interface TestApp {
  readonly app: Express;
  readonly audit: Audit;
  readonly server: Server;
  readonly url: string;
  /** What was reported to `onError`. */
  readonly errors: Error[];
  /** All stored events, oldest first, after everything captured so far was stored. */
  events(): Promise<readonly StoredEvent[]>;
  /** The one stored event; fails when there is not exactly one. */
  event(): Promise<StoredEvent>;
  close(): Promise<void>;
}

export interface TestAppOptions {
  readonly express?: typeof express5;
  readonly options?: Partial<AuditOptions>;
  readonly server?: ServerOptions;
  /** Mounts the audit and the routes. @default the middleware alone, and JSON parsing */
  readonly build: (app: Express, audit: Audit, express: typeof express5) => void;
}

const ALL = { skip: 0, limit: 10_000 };
const LIMITS = { maxTimeMS: 20_000 };

export async function allEvents(audit: Audit): Promise<readonly StoredEvent[]> {
  const { pending } = await audit.flush({ deadlineMs: 20_000 });
  if (pending > 0) throw new Error(`${pending} events were not stored`);
  return audit.reader.find(
    { tenants: '*' },
    { where: [] },
    [{ field: 'timestamp', descending: false }],
    ALL,
    LIMITS,
  );
}

/** A real app on a real port with a real database of its own. */
export async function startApp({
  express = express5,
  options,
  server: serverOptions,
  build,
}: TestAppOptions): Promise<TestApp> {
  const errors: Error[] = [];
  const audit = createAudit({
    mongo: freshUri(),
    flushIntervalMs: 5,
    onError: (error) => errors.push(error),
    ...options,
  });
  const app = express();
  build(app, audit, express);
  const server = createServer(serverOptions ?? {}, app).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    app,
    audit,
    server,
    url: `http://127.0.0.1:${port}`,
    errors,
    events: () => allEvents(audit),
    async event() {
      const events = await allEvents(audit);
      if (events.length !== 1 || events[0] === undefined)
        throw new Error(`${events.length} events are stored, expected one`);
      return events[0];
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await audit.close({ deadlineMs: 5_000 });
    },
  };
}
