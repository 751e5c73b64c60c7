import { MongoMemoryServer } from 'mongodb-memory-server-core';
import type { Connection } from 'mongoose';
import { findMongod } from '../../examples/find-mongod';
import { freshUri } from '../support/app';
import { closeAudits, look, recordMany, startAudit, until, watchBalance } from './harness';
import { expectWholeTrail } from './trail';

const PASSWORD = 'fake-password-of-a-test';

let mongod: MongoMemoryServer;
let base: string;
let admin: Connection;

function uriOf(user: string, of: string): string {
  const uri = new URL(of);
  uri.username = user;
  uri.password = PASSWORD;
  uri.searchParams.set('authSource', 'admin');
  return uri.toString();
}

async function command(document: Record<string, unknown>): Promise<void> {
  await admin.getClient().db('admin').command(document);
}

beforeAll(async () => {
  process.env.MONGOMS_SYSTEM_BINARY_VERSION_CHECK = 'false';
  mongod = await MongoMemoryServer.create({
    binary: { systemBinary: await findMongod() },
    auth: { enable: true, customRootName: 'root', customRootPwd: PASSWORD },
    instance: { ip: '127.0.0.1', storageEngine: 'wiredTiger', args: ['--nounixsocket'] },
    spawn: { detached: true },
  });
  base = mongod.getUri();
  admin = await look(uriOf('root', base));
});
afterEach(closeAudits);
afterAll(async () => {
  await admin.close();
  await mongod.stop();
});

describe('a user who may only read', () => {
  it('keeps events waiting until it may write, and none is quarantined', async () => {
    const uri = freshUri(base);
    const db = new URL(uri).pathname.slice(1);
    await command({ createUser: 'reader', pwd: PASSWORD, roles: [{ role: 'read', db }] });
    const { audit, errors } = startAudit({ mongo: uriOf('reader', uri) });
    const watch = watchBalance(audit);
    await audit.ready();
    recordMany(audit, 30);
    await until(() => errors.length >= 3);
    expect(audit.stats()).toMatchObject({ state: 'degraded', connected: true, pending: 30, delivered: 0 });
    expect(errors.map(({ code }) => code)).toContain('AUDIT_INDEXES_FAILED');
    await command({ grantRolesToUser: 'reader', roles: [{ role: 'readWrite', db }] });
    expect(await audit.flush()).toEqual({ pending: 0 });
    watch.stop();
    expect(audit.stats()).toMatchObject({ state: 'healthy', delivered: 30, quarantined: 0 });
    expect((await expectWholeTrail(uriOf('root', uri))).events).toHaveLength(30);
  });
});

describe('a wrong password', () => {
  it('is reported without it, and tried again until it is right', async () => {
    const uri = freshUri(base);
    const db = new URL(uri).pathname.slice(1);
    const { audit, errors } = startAudit({ mongo: uriOf('late', uri) });
    recordMany(audit, 3);
    await until(() => errors.length > 0);
    expect(errors[0]).toMatchObject({
      code: 'AUDIT_STORE_UNAVAILABLE',
      message: expect.stringContaining('MongoServerError 18'),
    });
    await command({ createUser: 'late', pwd: PASSWORD, roles: [{ role: 'readWrite', db }] });
    expect(await audit.flush()).toEqual({ pending: 0 });
    expect((await expectWholeTrail(uriOf('root', uri))).events).toHaveLength(3);
  });
});
