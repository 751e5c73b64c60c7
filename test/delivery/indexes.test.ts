import { freshUri } from '../support/app';
import { closeAudits, dbOf, look, startAudit, startFailingMongod, until } from './harness';

let mongod: Awaited<ReturnType<typeof startFailingMongod>>;

beforeAll(async () => {
  mongod = await startFailingMongod();
});
afterEach(async () => {
  await mongod.fail({}, 'off');
  await closeAudits();
});
afterAll(() => mongod.stop());

async function keysOf(uri: string): Promise<readonly string[]> {
  const connection = await look(uri);
  try {
    const indexes = await dbOf(connection).collection('auditevents').indexes();
    return indexes.map(({ key }) => Object.keys(key).join());
  } catch {
    return [];
  } finally {
    await connection.close();
  }
}

describe('indexes', () => {
  it('are created beside one of the user that stands in the way of another', async () => {
    const uri = freshUri(mongod.uri);
    const connection = await look(uri);
    await dbOf(connection).collection('auditevents').createIndex({ id: 1 }, { sparse: true });
    await connection.close();
    const { audit, errors } = startAudit({ mongo: uri });
    await audit.ready();
    const keys = await keysOf(uri);
    expect(keys).toContain('requestId');
    expect(keys).toContain('tenant,timestamp,_id');
    expect(errors).toMatchObject([{ code: 'AUDIT_INDEXES_FAILED' }]);
    expect(errors[0]?.message).toMatch(/^Index \{"id":1\} of auditevents .*ensureIndexes: false/);
  });

  it('that a lost connection kept away are created at the next one', async () => {
    await mongod.fail({ failCommands: ['createIndexes'], closeConnection: true });
    const { audit, uri, errors } = startAudit({ base: mongod.uri });
    await audit.ready();
    expect(errors).toMatchObject([{ code: 'AUDIT_INDEXES_FAILED' }]);
    await until(async () => (await keysOf(uri)).includes('id'));
  });

  it('are left alone with ensureIndexes: false', async () => {
    const { audit, uri, errors } = startAudit({ base: mongod.uri, ensureIndexes: false });
    await audit.ready();
    audit.record({ name: 'Noted' });
    await audit.flush();
    expect(await keysOf(uri)).toEqual(['_id']);
    expect(errors).toEqual([]);
  });
});
