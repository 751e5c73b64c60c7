import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Response } from 'express';
import { type AuditOptions, readSpool } from '../../lib/index';
import { startGateway } from '../delivery/gateway';
import { closeAudits, expectBalance, startAudit, until, watchBalance } from '../delivery/harness';
import { allEvents, freshUri, startApp } from '../support/app';

const NOWHERE = 'mongodb://127.0.0.1:9/none?serverSelectionTimeoutMS=200';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'spool-'));
});
afterEach(async () => {
  await closeAudits();
  await rm(directory, { recursive: true, force: true });
});

const atSpool = (): Partial<AuditOptions> => ({ durability: 'spool', spool: { directory, minFreeBytes: 0 } });
const files = async (): Promise<string[]> => (await readdir(directory, { recursive: true })).sort();
const descriptors = async (): Promise<number> => (await readdir('/proc/self/fd')).length;

describe('close at level spool', () => {
  it('leaves a request that goes on to the next process, and touches its files no more', async () => {
    const open: Response[] = [];
    const app = await startApp({
      options: { ...atSpool(), mongo: NOWHERE },
      build(server, audit) {
        server.use(audit.middleware());
        server.get('/slow', (_req, res) => {
          res.write('first');
          open.push(res);
        });
      },
    });
    const before = await descriptors();
    const response = await fetch(`${app.url}/slow`);
    expect(await app.audit.close({ deadlineMs: 10 })).toEqual({ pending: 1 });
    expect(await app.audit.close({ deadlineMs: 10 })).toEqual({ pending: 1 });
    const left = await files();
    open[0]?.end();
    await response.text();
    await until(() => open[0]?.closed === true);
    for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
    expect(await files()).toEqual(left);
    expectBalance(app.audit);
    await app.close();
    await until(async () => (await descriptors()) <= before);

    const { audit } = startAudit(atSpool());
    await until(() => audit.stats().delivered === 1);
    expect(await allEvents(audit)).toMatchObject([
      { route: '/slow', outcome: 'unknown', statusCode: 200, sequence: 1 },
    ]);
    await audit.close();
    expect(await readdir(directory)).toEqual([]);
  });

  it('in the midst of storing what was spilled loses nothing, and stores nothing twice', async () => {
    const uri = new URL(freshUri());
    const gateway = await startGateway(Number(uri.port));
    uri.port = String(gateway.port);
    for (let round = 0; round < 5; round++) {
      gateway.freeze();
      const { audit } = startAudit({ ...atSpool(), mongo: uri.toString(), limits: { maxQueueEvents: 10 } });
      const watch = watchBalance(audit);
      for (let i = 0; i < 300; i++) audit.record({ name: 'Noted', content: { i: round * 300 + i } });
      gateway.thaw();
      await until(() => audit.stats().delivered > round * 10);
      await audit.close({ deadlineMs: round * 5 });
      watch.stop();
    }
    const { audit } = startAudit({ ...atSpool(), mongo: uri.toString() });
    await audit.ready();
    await until(async () => (await readdir(directory)).length === 2 && audit.stats().pending === 0);
    const events = await allEvents(audit);
    const seen = events.map(({ content }) => (content as { i: number }).i).sort((a, b) => a - b);
    expect(seen).toEqual(Array.from({ length: 1_500 }, (_, i) => i));
    expectBalance(audit);
    await audit.close();
    gateway.close();
    expect(await readdir(directory)).toEqual([]);
  });

  it('drains what was spilled by flush, though more comes meanwhile', async () => {
    const { audit } = startAudit({ ...atSpool(), limits: { maxQueueEvents: 10 } });
    for (let i = 0; i < 500; i++) audit.record({ name: 'First' });
    const load = setInterval(() => audit.record({ name: 'More' }), 1);
    const { pending } = await audit.flush({ deadlineMs: 20_000 });
    clearInterval(load);
    expect(pending).toBe(0);
    const events = await allEvents(audit);
    expect(events.filter(({ name }) => name === 'First')).toHaveLength(500);
  });

  it('of one audit leaves what another has in the same directory', async () => {
    const [one, other] = [
      startAudit({ ...atSpool(), mongo: NOWHERE }),
      startAudit({ ...atSpool(), mongo: NOWHERE }),
    ];
    one.audit.record({ name: 'One' });
    other.audit.record({ name: 'Other' });
    await one.audit.close({ deadlineMs: 1 });
    const processes = await readSpool(directory);
    expect(processes.map(({ isAlive }) => isAlive).sort()).toEqual([false, true]);
    expect(processes.flatMap(({ segments }) => segments)).toHaveLength(2);
  });
});
