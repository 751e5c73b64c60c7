import mongoose, { type Connection } from 'mongoose';
import { createAudit } from '../../lib/index';
import { freshUri } from '../support/app';
import { listOf } from './contract';
import { ask, authenticate, closedAtEnd, row, startTrail, type Token, type Trail } from './trail';

async function collectionsOf({ db }: Connection): Promise<string[]> {
  const all = (await db?.listCollections().toArray()) ?? [];
  return all.map(({ name }) => name).sort();
}

describe('the collections', () => {
  it.each([
    [undefined, ['auditcontenttypes', 'auditcounters', 'auditevents']],
    ['auditevents', ['auditcontenttypes', 'auditcounters', 'auditevents']],
    ['x', ['x', 'x_contenttypes', 'x_counters']],
    ['trail.of-shop', ['trail.of-shop', 'trail.of-shop_contenttypes', 'trail.of-shop_counters']],
  ])('of an audit with the option %s are %j', async (collection, names) => {
    const mongo = freshUri();
    const audit = closedAtEnd(createAudit({ mongo, ...(collection !== undefined && { collection }) }));
    audit.record({ name: 'Seen' });
    await audit.ready();
    await audit.close();
    const connection = await closedAtEnd(mongoose.createConnection(mongo)).asPromise();
    expect(await collectionsOf(connection)).toEqual(names);
  });

  it('keep two audits on one connection apart', async () => {
    const connection = await closedAtEnd(mongoose.createConnection(freshUri())).asPromise();
    const audits = ['auditevents', 'other'].map((collection) =>
      closedAtEnd(createAudit({ mongo: connection, collection })),
    );
    const trail = await startTrail({
      build(app) {
        audits.forEach((audit, i) => void app.use(`/${i}`, audit.router({ authenticate })));
      },
    });
    const uuids = audits.map((audit, i) => {
      audit.record({ name: 'Filler', object: { type: `filler${i}`, id: '1' } });
      return audit.record({ name: `Of${i}`, object: { type: 'orders', id: '1' } });
    });
    await Promise.all(audits.map((audit) => audit.flush()));
    for (const [i, uuid] of uuids.entries()) {
      const { results, count } = listOf(await ask(`${trail.url}/${i}/?content_type=2`));
      expect([count, results.map((event) => event.uuid)]).toEqual([1, [uuid]]);
      expect((await ask(`${trail.url}/${1 - i}/${uuid}`)).status).toBe(404);
    }
    await Promise.all(audits.map((audit) => audit.close()));
    expect(connection.readyState).toBe(1);
  });
});

const INDEXES = [
  { _id: 1 },
  { commitId: 1 },
  { id: 1 },
  { 'object.id': 1, 'object.type': 1, timestamp: -1, _id: -1 },
  { remoteAddr: 1, timestamp: -1, _id: -1 },
  { requestId: 1 },
  { tenant: 1, timestamp: -1, _id: -1 },
  { timestamp: -1, _id: -1 },
  { 'user.id': 1, timestamp: -1, _id: -1 },
];

interface Profile {
  readonly command: { readonly find?: string; readonly aggregate?: string };
  readonly planSummary?: string;
  readonly docsExamined?: number;
  readonly hasSortStage?: boolean;
}

describe('the indexes', () => {
  let trail: Trail;

  beforeAll(async () => {
    trail = await startTrail();
    await trail.store(
      Array.from({ length: 400 }, (_, i) =>
        row(1_767_225_600_000 + i, {
          tenant: ['a', 'b', 'c', null][i % 4] ?? null,
          user: `u${i % 20}`,
          type: `type${i % 5}`,
          objectId: String(i % 40),
          remoteAddr: `10.0.0.${i % 10}`,
        }),
      ),
    );
  });

  it('are those of the schema', async () => {
    const events = await trail.connection.db?.collection('auditevents').indexes();
    const byKey = (a: object, b: object) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);
    expect(events?.map(({ key }) => key).sort(byKey)).toEqual([...INDEXES].sort(byKey));
    expect(events?.filter(({ unique }) => unique).map(({ key }) => key)).toEqual([{ id: 1 }]);
    const types = await trail.connection.db?.collection('auditcontenttypes').indexes();
    expect(types?.filter(({ unique }) => unique).map(({ key }) => key)).toEqual([{ number: 1 }]);
  });

  it('are left to the operator with ensureIndexes: false, and lists work without them', async () => {
    const bare = await startTrail({ options: { ensureIndexes: false } });
    await bare.store([row(0, { user: 'u' }), row(1)]);
    expect(await bare.connection.db?.collection('auditevents').indexes()).toHaveLength(1);
    expect(listOf(await bare.get('/?user=u')).count).toBe(1);
    expect(listOf(await bare.get('')).count).toBe(2);
    expect(listOf(await bare.get('/?content_type=1&sort=user')).count).toBe(2);
  });

  /** How MongoDB itself says it answered one request, by its profiler. */
  async function plansOf(path: string, as: Token): Promise<{ find?: Profile; aggregate?: Profile }> {
    const { db } = trail.connection;
    await db?.command({ profile: 2, filter: { ns: `${db.databaseName}.auditevents` } });
    await trail.get(path, { as });
    await db?.command({ profile: 0 });
    const profiles = ((await db?.collection('system.profile').find().toArray()) ??
      []) as unknown as Profile[];
    await db?.dropCollection('system.profile');
    const of = (name: 'find' | 'aggregate') =>
      profiles.find(({ command }) => command[name] === 'auditevents');
    return { find: of('find'), aggregate: of('aggregate') } as { find?: Profile; aggregate?: Profile };
  }

  const TIME = '{ timestamp: -1, _id: -1 }';
  const TENANT = '{ tenant: 1, timestamp: -1, _id: -1 }';
  const USER = '{ user.id: 1, timestamp: -1, _id: -1 }';
  const OBJECT = '{ object.id: 1, object.type: 1, timestamp: -1, _id: -1 }';
  it.each<[string, Token, string, string]>([
    ['', 'fake-token-all', TIME, TIME],
    ['?sort=timestamp', 'fake-token-all', TIME, TIME],
    ['?timestamp__gte=2026-01-01T00:00:00.100Z', 'fake-token-all', TIME, TIME],
    ['?timestamp__gt=2026-01-01&timestamp__lt=2026-01-02', 'fake-token-all', TIME, TIME],
    ['?timestamp__lte=2026-01-01T00:00:00.100Z', 'fake-token-all', TIME, TIME],
    ['?timestamp=2026-01-01T00:00:00.100Z', 'fake-token-all', TIME, TIME],
    ['?user=u3', 'fake-token-all', USER, USER],
    ['?user=u3&sort=timestamp&timestamp__gt=2026-01-01', 'fake-token-all', USER, USER],
    ['?object_id=7', 'fake-token-all', OBJECT, OBJECT],
    ['?object_id=7&content_type=3', 'fake-token-all', OBJECT, OBJECT],
    ['?content_type=3', 'fake-token-all', TIME, OBJECT],
    ['', 'fake-token-a', TENANT, TENANT],
    ['', 'fake-token-a-b', TENANT, TENANT],
    ['?timestamp__gt=2026-01-01T00:00:00.300Z', 'fake-token-a', TENANT, TENANT],
    ['?content_type=3', 'fake-token-a', TENANT, TENANT],
  ])('serve the page and the count of %s for %s', async (query, as, pageIndex, countIndex) => {
    const { find, aggregate } = await plansOf(`/${query}`, as);
    const indexOf = (profile?: Profile) =>
      [...new Set(profile?.planSummary?.split(/, (?=IXSCAN)/))].map((plan) => plan.replace(/^\w+ /, ''));
    expect(indexOf(find)).toEqual([pageIndex]);
    expect(indexOf(aggregate)).toEqual([countIndex]);
  });

  it.each<[Token, number]>([
    ['fake-token-all', 10],
    ['fake-token-a', 10],
    ['fake-token-a-b', 10],
    ['fake-token-empty', 0],
  ])('serve the newest page of %s by reading %d documents, unsorted', async (as, docsExamined) => {
    const { find } = await plansOf('/?limit=10', as);
    expect(find).toMatchObject({ docsExamined });
    if (docsExamined > 0) expect(find?.hasSortStage).toBeUndefined();
  });
});
