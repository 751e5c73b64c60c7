import express from 'express';
import { applyDiff, type StoredEvent } from '../../lib/index';
import { waitFor } from '../record/wait';
import { freshUri, startApp, type TestApp } from '../support/app';
import { type ItemModel, itemSchema, seeds } from './items';
import { type Connection, changesBetween, MONGOOSES, rawDocuments } from './replica-set';
import { PATHS, type Path } from './write-paths';

const PARALLEL = 200;

describe.each(MONGOOSES)('what a request or a job changes with %s', (_, mongoose) => {
  let app: TestApp;
  let connection: Connection;
  let Item: ItemModel;
  let ids: string[];

  beforeAll(async () => {
    connection = await mongoose.createConnection(freshUri()).asPromise();
    app = await startApp({
      options: { user: (req) => req.headers['x-user'] as string, tenant: () => 'acme', ensureIndexes: false },
      build(app, audit) {
        const schema = itemSchema(mongoose);
        schema.plugin(audit.changes());
        Item = connection.model('Item', schema) as ItemModel;
        app.use(audit.middleware(), express.json());
        app.post('/paths/:name', async (req, res) => {
          await PATHS.find(({ name }) => name === req.params.name)?.run(Item, ids, {});
          res.send('ok');
        });
        app.post('/items/:name', async (req, res) => {
          const { name } = req.params;
          const item = await Item.create({ name, price: 0 });
          await Item.updateOne({ _id: item._id }, { price: 1 });
          item.set('tags', [name]);
          await item.save();
          await Item.findByIdAndDelete(item._id);
          res.send('ok');
        });
      },
    });
    await Item.init();
  });
  beforeEach(seed);
  afterAll(async () => {
    await connection.dropDatabase();
    await connection.close();
    await app.close();
  });

  async function seed(): Promise<void> {
    const raw = connection.db?.collection('items');
    await raw?.deleteMany({});
    const documents = seeds(mongoose);
    ids = documents.map(({ _id }) => String(_id));
    await raw?.insertMany(documents);
  }

  /** What happened to the collection, and which events tell of it. */
  async function recordedBy(run: () => Promise<unknown>, requests: number) {
    const before = await rawDocuments(connection, 'items');
    const { captured } = app.audit.stats();
    await run();
    const happened = changesBetween(before, await rawDocuments(connection, 'items'));
    const count = happened.length + requests;
    const events = await eventsSince(captured, count);
    const changes = events.filter(({ kind }) => kind === 'change');
    return { happened, changes, request: events.find(({ kind }) => kind === 'request') };
  }

  /** The last events, once so many came; all there are, should there be more. */
  async function eventsSince(captured: number, count: number): Promise<readonly StoredEvent[]> {
    const come = (): number => app.audit.stats().captured - captured;
    await waitFor(`${count} events are captured`, () => come() >= count);
    await app.audit.flush();
    if (come() === 0) return [];
    const newest = [{ field: 'timestamp', descending: true }] as const;
    const page = { skip: 0, limit: come() };
    return app.audit.reader.find({ tenants: '*' }, { where: [] }, newest, page, { maxTimeMS: 20_000 });
  }

  const told = (changes: readonly StoredEvent[]) =>
    changes.map(({ action, object: { id } }) => `${action} ${id}`).sort();

  function expectStates({ action, before, after, diff, truncated }: StoredEvent): void {
    expect([before === null, after === null]).toEqual([action === 'create', action === 'delete']);
    expect(applyDiff(before, diff)).toEqual(after);
    expect(truncated).toEqual([]);
  }

  const send = (path: string, user: string) =>
    fetch(`${app.url}${path}`, { method: 'POST', headers: { 'x-user': user } });

  describe.each(PATHS)('$name', ({ name, run }: Path) => {
    it('carries its request, which says how many there were', async () => {
      const recorded = await recordedBy(() => send(`/paths/${encodeURIComponent(name)}`, 'ada'), 1);
      const { happened, changes, request } = recorded;
      expect(told(changes)).toEqual(happened.map(({ action, id }) => `${action} ${id}`).sort());
      expect(request).toMatchObject({ statusCode: 200, changeCount: happened.length || null });
      const { commitId, requestId, url } = request as StoredEvent;
      for (const change of changes) {
        expect(change).toMatchObject({ commitId, requestId, url, tenant: 'acme', user: { id: 'ada' } });
        expectStates(change);
      }
    });

    it('carries its job', async () => {
      const who = { user: 'bot', tenant: 'globex', source: 'nightly' };
      const job = () => app.audit.run(who, () => run(Item, ids, {}));
      const { happened, changes } = await recordedBy(job, 0);
      expect(told(changes)).toEqual(happened.map(({ action, id }) => `${action} ${id}`).sort());
      expect(new Set(changes.map(({ commitId }) => commitId)).size).toBe(Math.min(1, changes.length));
      for (const change of changes) {
        expect(change).toMatchObject({ ...who, user: { id: 'bot' }, system: false, remoteAddr: null });
        expectStates(change);
      }
    });
  });

  it(`is never mixed with what ${PARALLEL} others change at the same time`, async () => {
    const names = Array.from({ length: PARALLEL }, (_unused, i) => `u${i}`);
    const { captured } = app.audit.stats();
    await Promise.all(names.map((name) => send(`/items/${name}`, name)));
    const count = PARALLEL * 5;
    const events = await eventsSince(captured, count);
    expect(events).toHaveLength(count);
    for (const request of events.filter(({ kind }) => kind === 'request')) {
      const own = events.filter(({ kind, commitId }) => kind === 'change' && commitId === request.commitId);
      const actions = own.map(({ action, after, before, user }) => {
        const { name } = (after ?? before) as { name: string };
        return `${action} ${name} by ${user?.id}`;
      });
      const by = `${request.user?.id} by ${request.user?.id}`;
      const expected = [`create ${by}`, `update ${by}`, `update ${by}`, `delete ${by}`];
      expect(actions.sort()).toEqual(expected.sort());
    }
  }, 60_000);
});
