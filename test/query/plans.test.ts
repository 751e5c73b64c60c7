import mongoose from 'mongoose';
import type { AuditEventFilter, Condition } from '../../lib/index';
import { freshUri } from '../support/app';
import { closedAtEnd, startTrail } from './trail';

const LIMITS = { maxTimeMS: 20_000 };
const ALL = { tenants: '*' } as const;

describe('the plan of a query', () => {
  const text = (field: string, op = 'eq') => ({ field, op, value: 'x' }) as Condition;
  const at = new Date('2026-05-01T00:00:00Z');
  it.each<[string, readonly Condition[], AuditEventFilter['visibility']]>([
    ['no condition', [], 'all'],
    ['no condition on objects', [], 'object-level'],
    ...['user.id', 'user.email', 'user.name', 'name', 'action', 'status', 'source', 'requestId', 'tenant']
      .flatMap((field) => [text(field), text(field, 'neq')])
      .map((one): [string, Condition[], 'all'] => [JSON.stringify(one), [one], 'all']),
    ...['object.type', 'object.id', 'host', 'url', 'association.name', 'labels.caller', 'remoteAddr']
      .map((field) => text(field))
      .map((one): [string, Condition[], 'object-level'] => [JSON.stringify(one), [one], 'object-level']),
    ['id', [{ field: 'id', op: 'eq', value: 1 }], 'all'],
    ['not id', [{ field: 'id', op: 'neq', value: 1 }], 'all'],
    ['timestamp', [{ field: 'timestamp', op: 'lt', value: at }], 'all'],
    ['system', [{ field: 'system', op: 'eq', value: false }], 'all'],
    ['or', [{ op: 'or', of: [text('route'), text('labels.caller')] }], 'object-level'],
  ])('scans no collection for %s, in whatever order', async (_what, where, visibility = 'all') => {
    const commands: { name: string; command: Record<string, unknown> }[] = [];
    const mongo = await closedAtEnd(
      mongoose.createConnection(freshUri(), { monitorCommands: true }),
    ).asPromise();
    const { audit } = await startTrail({ options: { mongo } });
    mongo.getClient().on('commandStarted', ({ commandName: name, command }) => {
      if (command[name] === 'auditevents') commands.push({ name, command });
    });
    const page = { skip: 0, limit: 10 };
    for (const field of ['timestamp', 'user.name', 'id'] as const)
      await audit.reader.find(ALL, { where, visibility }, [{ field, descending: true }], page, LIMITS);
    await audit.reader.count(ALL, { where, visibility }, LIMITS);
    await audit.reader.walk(ALL, { where, visibility }, { descending: true, limit: 5, from: null }, LIMITS);
    const queries = commands.filter(({ name }) => name === 'find' || name === 'aggregate');
    expect(queries).toHaveLength(5);
    for (const { command } of queries) {
      const { lsid: _, $db: __, $readPreference: ___, txnNumber: ____, ...explain } = command;
      const plan = await mongo.db?.command({ explain });
      expect(JSON.stringify(plan)).not.toContain('COLLSCAN');
    }
  });
});
