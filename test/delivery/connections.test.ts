import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mongoose from 'mongoose';
import { type Mongod, startMongod } from '../../examples/mongod';
import type { AuditOptions } from '../../lib/index';
import { freshUri } from '../support/app';
import { closeAudits, dbOf, recordMany, startAudit, until } from './harness';
import { expectWholeTrail } from './trail';

/** Both majors, each with its own driver; typed as the newer: what the tests use is the same in both. */
const mongoose8 = require('mongoose8') as typeof mongoose;
const MAJORS: readonly (readonly [string, typeof mongoose])[] = [
  ['mongoose 8', mongoose8],
  ['mongoose 9', mongoose],
];

afterEach(closeAudits);

describe.each(MAJORS)('a connection of the app on %s', (_, major) => {
  it('is used, and left open by close()', async () => {
    const uri = freshUri();
    const connection = await major.createConnection(uri).asPromise();
    const { audit } = startAudit({ mongo: connection });
    recordMany(audit, 600);
    expect(await audit.close()).toEqual({ pending: 0 });
    expect(connection.readyState).toBe(1);
    expect(await dbOf(connection).collection('auditevents').countDocuments()).toBe(600);
    expect((await expectWholeTrail(uri)).events).toHaveLength(600);
    await connection.close();
  });

  it('may be opened after the audit was created', async () => {
    const uri = freshUri();
    const connection = new major.Mongoose().createConnection();
    const { audit, errors } = startAudit({ mongo: connection });
    recordMany(audit, 3);
    expect(audit.stats()).toMatchObject({ connected: false, state: 'degraded', pending: 3 });
    await connection.openUri(uri);
    await audit.ready();
    expect(await audit.flush()).toEqual({ pending: 0 });
    expect(audit.stats()).toMatchObject({ connected: true, state: 'healthy', delivered: 3 });
    expect(errors).toEqual([]);
    await connection.close();
  });

  it('may be closed and opened again', async () => {
    const uri = freshUri();
    const own = new major.Mongoose();
    await own.connect(uri);
    const { audit } = startAudit({ mongo: own.connection as unknown as AuditOptions['mongo'] });
    recordMany(audit, 3);
    await audit.flush();
    await own.disconnect();
    recordMany(audit, 4);
    expect(await audit.flush({ deadlineMs: 50 })).toEqual({ pending: 4 });
    expect(audit.stats().connected).toBe(false);
    await own.connect(uri);
    expect(await audit.flush()).toEqual({ pending: 0 });
    expect((await expectWholeTrail(uri)).events).toHaveLength(7);
    await own.disconnect();
  });

  it('whose driver throws in disarray loses and refuses nothing', async () => {
    const uri = freshUri();
    const connection = await major.createConnection(uri).asPromise();
    const { audit, errors } = startAudit({ mongo: connection });
    await audit.ready();
    const disarray = new TypeError("Cannot read properties of undefined (reading 'topology')");
    const command = jest.spyOn(dbOf(connection), 'command').mockRejectedValueOnce(disarray);
    audit.record({ name: 'Noted' });
    expect(await audit.flush()).toEqual({ pending: 0 });
    expect(command).toHaveBeenCalledTimes(2);
    expect(errors).toMatchObject([{ code: 'AUDIT_STORE_UNAVAILABLE' }]);
    expect(audit.stats()).toMatchObject({ delivered: 1, quarantined: 0 });
    await connection.close();
  });

  it.each([
    ['that keeps BSON types', { promoteValues: false, promoteLongs: false }],
    ['that gives big integers', { useBigInt64: true }],
    ['that gives raw documents', { raw: true }],
    ['that ignores undefined', { ignoreUndefined: true, serializeFunctions: true }],
    ['with a weak write concern', { writeConcern: { w: 0 } }],
    ['that reads from secondaries', { readPreference: 'secondaryPreferred' }],
    ['with a time limit of its own', { timeoutMS: 20_000 }],
  ] as const)('%s stores and accounts the same', async (_, options) => {
    const uri = freshUri();
    const connection = await major.createConnection(uri, options as object).asPromise();
    const { audit, errors } = startAudit({ mongo: connection as unknown as AuditOptions['mongo'] });
    await audit.ready();
    await dbOf(connection).command({ collMod: 'auditevents', validator: { name: { $ne: 'Bad' } } });
    recordMany(audit, 3);
    await audit.flush();
    audit.record({ name: 'Bad' });
    recordMany(audit, 3);
    expect(await audit.flush({ deadlineMs: 5_000 })).toEqual({ pending: 0 });
    expect(audit.stats()).toMatchObject({ delivered: 6, quarantined: 1 });
    expect(errors).toMatchObject([{ code: 'AUDIT_EVENT_QUARANTINED' }]);
    expect(await audit.reader.safePoint()).toBeGreaterThanOrEqual(0);
    await audit.close();
    await connection.close();
    const { rows, quarantined } = await expectWholeTrail(uri);
    expect([rows.length, quarantined.length]).toEqual([6, 1]);
  });
});

describe('a connection of the audit\u2019s own', () => {
  it('is not reached by the app\u2019s mongoose.disconnect()', async () => {
    const uri = freshUri();
    await mongoose.connect(uri);
    const { audit } = startAudit({ mongo: uri });
    await audit.ready();
    await mongoose.disconnect();
    recordMany(audit, 2);
    expect(await audit.flush()).toEqual({ pending: 0 });
    expect(audit.stats()).toMatchObject({ connected: true, delivered: 2 });
  });

  it('is not among those of the app\u2019s mongoose', async () => {
    const before = mongoose.connections.length;
    const { audit } = startAudit();
    await audit.ready();
    expect(mongoose.connections).toHaveLength(before);
  });
});

describe('a connection that MongoDB dropped', () => {
  let directory: string;
  let mongod: Mongod;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'connections-'));
    mongod = await startMongod({ dbPath: directory });
  });
  afterEach(async () => {
    await closeAudits();
    await mongod.stop();
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  });

  it.each(MAJORS)('of %s goes on when MongoDB is back', async (_, major) => {
    const uri = freshUri(mongod.uri);
    const connection = await major.createConnection(uri, { serverSelectionTimeoutMS: 500 }).asPromise();
    const { audit } = startAudit({ mongo: connection });
    recordMany(audit, 10);
    await audit.flush();
    await mongod.stop();
    recordMany(audit, 10);
    await until(() => audit.stats().state === 'degraded');
    mongod = await startMongod({ dbPath: directory, port: mongod.port });
    expect(await audit.flush()).toEqual({ pending: 0 });
    expect((await expectWholeTrail(uri)).events).toHaveLength(20);
    await audit.close();
    await connection.close();
  });
});

describe('two audits in one process', () => {
  it('with collections of their own on one connection never meet', async () => {
    const uri = freshUri();
    const connection = await mongoose.createConnection(uri).asPromise();
    const first = startAudit({ mongo: connection });
    const second = startAudit({ mongo: connection, collection: 'other' });
    recordMany(first.audit, 5, 'First');
    recordMany(second.audit, 7, 'Second');
    await first.audit.close();
    recordMany(second.audit, 1, 'Second');
    await second.audit.close();
    await connection.close();
    const trails = [await expectWholeTrail(uri), await expectWholeTrail(uri, 'other')];
    expect(trails.map(({ events }) => events.length)).toEqual([5, 8]);
    expect(trails.map(({ events }) => new Set(events.map(({ name }) => name)))).toEqual([
      new Set(['First']),
      new Set(['Second']),
    ]);
    expect(trails.map(({ rows }) => rows[0]?.id)).toEqual([1, 1]);
    expect([first.errors, second.errors]).toEqual([[], []]);
  });
});
