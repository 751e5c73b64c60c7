import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import express5, { type Request, type Response } from 'express';
import type { Audit, AuditOptions, StoredEvent } from '../../lib/index';
import { closeAudits, expectBalance, startAudit, until, watchBalance } from '../delivery/harness';
import { allEvents, startApp, type TestApp } from '../support/app';

const NOWHERE = 'mongodb://127.0.0.1:9/none?serverSelectionTimeoutMS=200';
/** More than one request may hold back. */
const MANY = 1_500;

let directory: string;
let app: TestApp | undefined;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'spool-'));
});
afterEach(async () => {
  await app?.audit.close({ deadlineMs: 50 });
  await app?.close();
  await closeAudits();
  await rm(directory, { recursive: true, force: true });
});

const atSpool = (where = directory): Partial<AuditOptions> => ({
  durability: 'spool',
  spool: { directory: where, minFreeBytes: 0 },
});

async function start(
  handle: (req: Request, res: Response, audit: Audit) => void,
  options: Partial<AuditOptions> = {},
): Promise<TestApp> {
  app = await startApp({
    express: express5,
    options: { ...atSpool(), ...options },
    build(server, audit) {
      server.use(audit.middleware());
      server.get('/', (req, res) => handle(req, res, audit));
    },
  });
  return app;
}

function change(req: Request, from: number, count: number): void {
  for (let id = from; id < from + count; id++)
    req.audit.change({ type: 'items', id, before: { price: id }, after: { price: id + 1 } });
}

const idsOf = (events: readonly StoredEvent[]): number[] =>
  events.flatMap(({ kind, object }) => (kind === 'change' ? [Number(object.id)] : [])).sort((a, b) => a - b);
const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

describe('changes at level spool', () => {
  it('are stored once each, more than a request may hold too, and leave nothing in files', async () => {
    const { url, audit, events } = await start((req, res) => {
      change(req, 0, MANY);
      req.audit.user('ann');
      res.on('finish', () => change(req, MANY, 10)).json({});
    });
    const watch = watchBalance(audit);
    await (await fetch(url)).arrayBuffer();
    const stored = await events();
    expect(idsOf(stored)).toEqual(upTo(MANY + 10));
    expect(stored.map(({ sequence }) => sequence).sort((a, b) => a - b)).toEqual(
      Array.from({ length: MANY + 11 }, (_, i) => i + 1),
    );
    const request = stored.find(({ kind }) => kind === 'request');
    expect(new Set(stored.map(({ commitId, uuid, kind }) => (kind === 'change' ? commitId : uuid)))).toEqual(
      new Set([request?.uuid]),
    );
    watch.stop();
    await audit.close();
    expect(await readdir(directory)).toEqual([]);
  });

  it('of a request that is cut off are stored once each by the next process', async () => {
    const { url } = await start(
      (req, res) => {
        change(req, 0, MANY);
        req.audit.user('ann');
        res.write('first');
      },
      { mongo: NOWHERE },
    );
    await (await fetch(url)).body?.getReader().read();
    const copy = await mkdtemp(join(tmpdir(), 'crash-'));
    await cp(directory, copy, { recursive: true, filter: (path) => !path.endsWith('.sock') });
    const { audit } = startAudit(atSpool(copy));
    await until(() => audit.stats().delivered > 0 && audit.stats().pending === 0);
    const stored = await allEvents(audit);
    expect(idsOf(stored)).toEqual(upTo(MANY));
    expect(stored).toHaveLength(MANY + 1);
    expectBalance(audit);
    await audit.close();
    expect(await readdir(copy)).toEqual([]);
    await rm(copy, { recursive: true });
  });
});
