import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import express from 'express';
import { NODE_FS, type SpoolFs } from '../../lib/record/spool/fs';
import { closeAudits, expectBalance, startAudit, until } from '../delivery/harness';
import { allEvents, startApp, type TestApp } from '../support/app';

const NOWHERE = 'mongodb://127.0.0.1:9/none?serverSelectionTimeoutMS=200';
const FAULTS = ['fdatasync', 'fsync', 'writeSync', 'openSync'] as const;

let directory: string;
let app: TestApp;
let broken: string | null;

/** A disk of which one call fails. */
const fs = new Proxy(NODE_FS, {
  get(target, name: keyof SpoolFs) {
    if (name !== broken) return target[name];
    const error = Object.assign(new Error('EIO'), { code: 'EIO' });
    return name.endsWith('Sync')
      ? () => {
          throw error;
        }
      : () => Promise.reject(error);
  },
});

beforeEach(async () => {
  broken = null;
  directory = await mkdtemp(join(tmpdir(), 'strict-'));
  app = await startApp({
    express,
    options: {
      durability: 'strict',
      mongo: NOWHERE,
      spool: { directory, minFreeBytes: 0, segmentBytes: 64 * 1024, fs },
    },
    build(server, audit) {
      server.use(audit.middleware());
      server.all('/:id', (req, res) => void res.json({ id: req.params.id }));
    },
  });
});
afterEach(async () => {
  await app.audit.close({ deadlineMs: 50 });
  await app.close();
  await closeAudits();
  await rm(directory, { recursive: true, force: true });
});

const post = (id: number): Promise<Response> => fetch(`${app.url}/${id}`, { method: 'POST' });

/** Goes on until a new file is needed, where that is what fails. */
async function postUntilRefused(from: number): Promise<number> {
  for (let id = from; ; id++) if ((await post(id)).status === 503) return id;
}

describe('at level strict on a disk, while MongoDB is down', () => {
  it.each(FAULTS)(
    'a %s that fails refuses requests, and says so; they are let in again by itself',
    async (fault) => {
      for (let id = 0; id < 3; id++) expect((await post(id)).status).toBe(200);
      broken = fault;
      const refused = await postUntilRefused(3);
      expect(app.audit.stats().state).toBe('rejecting');
      expect((await post(refused + 1)).status).toBe(503);
      // what is not waited for is answered
      expect((await fetch(`${app.url}/${refused + 2}`)).status).toBe(200);
      broken = null;
      await until(() => app.audit.stats().state !== 'rejecting');
      expect((await post(refused + 3)).status).toBe(200);
      expect(app.audit.stats()).toMatchObject({ rejected: 2, dropped: 0, delivered: 0 });
      expectBalance(app.audit);

      const copy = await mkdtemp(join(tmpdir(), 'crash-'));
      await cp(directory, copy, { recursive: true, filter: (path) => !path.endsWith('.sock') });
      const { audit } = startAudit({ durability: 'spool', spool: { directory: copy, minFreeBytes: 0 } });
      await until(() => audit.stats().delivered > 0 && audit.stats().pending === 0);
      const events = await allEvents(audit);
      const intents = events.filter(({ status }) => status === 'intent');
      const handled = [...Array(refused).keys(), refused + 3].map((id) => `/${id}`);
      for (const path of handled) {
        const [intent, ...others] = intents.filter(({ url }) => new URL(url ?? '').pathname === path);
        expect(others).toEqual([]);
        expect(events.filter(({ uuid }) => uuid === intent?.commitId)).toHaveLength(1);
      }
      expect(events.filter(({ kind }) => kind === 'gap')).toEqual([]);
      await audit.close();
      await rm(copy, { recursive: true });
    },
  );
});
