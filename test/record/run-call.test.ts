import { setImmediate as turn } from 'node:timers/promises';
import { AuditCallError, type RunAs, type StoredEvent } from '../../lib/index';
import type { ChangeRecorder } from '../../lib/observed-change';
import { startApp, type TestApp } from '../support/app';
import { observed } from './observed';
import { exchange, get } from './raw-client';
import { eventsOf } from './wait';

const hostile = {
  get user(): string {
    throw new Error('no');
  },
};

const WRONG: readonly (readonly [string, unknown, RegExp])[] = [
  ['nothing', undefined, /who runs it must be an object, received undefined/],
  ['null', null, /received null/],
  ['a list', [], /received a list, or bytes/],
  ['a member that throws', hostile, /who runs it could not be read, one of its members throws/],
  ['a misspelt field', { tennant: 'a' }, /field 'tennant' is not known. Did you mean 'tenant'\?/],
  ['an unknown field', { elephants: 1 }, /Known are user, tenant, system, source/],
  ['a user of other members', { user: { uid: 1 } }, /user must have one of id/],
  ['a system that is text', { system: 'yes' }, /system must be true or false/],
  ['a source that is a number', { source: 1 }, /source must be a string/],
];

describe('audit.run', () => {
  const production = process.env.NODE_ENV;
  let app: TestApp;
  let recorder: ChangeRecorder;

  beforeEach(async () => {
    app = await startApp({
      options: { source: 'shop', tenant: () => 'acme', user: () => 'ada', ensureIndexes: false },
      build(app, audit) {
        app.use(audit.middleware());
        app.get('/items/:id', async (_req, res) => {
          await audit.run({ user: 'bot', tenant: 'globex' }, () => recorder.record(observed()));
          recorder.record(observed());
          res.send('ok');
        });
      },
    });
    recorder = app.audit.changeRecorder();
  });
  afterEach(async () => {
    process.env.NODE_ENV = production;
    await app.close();
  });

  it('tells who makes the changes of a job, under one commitId', async () => {
    const who = { user: { id: 7, name: 'Ada' }, tenant: 'acme', source: 'nightly' };
    const result = await app.audit.run(who, async () => {
      recorder.record(observed());
      await turn();
      recorder.record(observed());
      return 'done';
    });
    expect(result).toBe('done');
    const events = await eventsOf(app, 2);
    const user = { id: '7', email: null, name: 'Ada' };
    const common = { user, tenant: 'acme', source: 'nightly', system: false, remoteAddr: null };
    expect(events).toMatchObject([common, common]);
    expect(events[0]?.commitId).toBe(events[1]?.commitId);
    expect(events[0]?.requestId).toBe(events[0]?.commitId);
  });

  it.each<[string, RunAs, boolean]>([
    ['without a user', { tenant: 'acme' }, true],
    ['of a user', { user: 'ada' }, false],
    ['as it says', { user: 'ada', system: true }, true],
  ])('is the system for jobs %s', async (_, who, system) => {
    await app.audit.run(who, () => recorder.record(observed()));
    expect(await app.event()).toMatchObject({ system, source: 'shop' });
  });

  it('awaits what runs only when it is awaited, in its context', async () => {
    const query = {
      // biome-ignore lint/suspicious/noThenProperty: a query of mongoose is one
      then(resolve: (value: number) => void): void {
        recorder.record(observed());
        resolve(5);
      },
    };
    const result: number = await app.audit.run({ user: 'ada' }, () => query as PromiseLike<number>);
    expect(result).toBe(5);
    expect(await app.event()).toMatchObject({ user: { id: 'ada' } });
  });

  it.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('no');
      },
    ],
    ['rejects', () => Promise.reject(new Error('no'))],
  ])('rejects when the job %s', async (_, task) => {
    await expect(app.audit.run({}, task)).rejects.toThrow('no');
  });

  it('never mixes jobs that run side by side', async () => {
    const jobs = Array.from({ length: 100 }, (_, i) =>
      app.audit.run({ user: i }, async () => {
        await turn();
        recorder.record(observed({ object: { type: 'items', id: String(i) } }));
      }),
    );
    await Promise.all(jobs);
    for (const { user, object } of await eventsOf(app, 100)) expect(user?.id).toBe(object.id);
  });

  it('stays within its request, under another name', async () => {
    await exchange(app.url, get('/items/7'));
    const events = [...(await eventsOf(app, 3))].sort((a, b) => a.sequence - b.sequence);
    const request = events[2] as StoredEvent;
    const { commitId, requestId, remoteAddr, url } = request;
    expect(request).toMatchObject({ kind: 'request', changeCount: 2 });
    expect(events.slice(0, 2)).toMatchObject([
      { commitId, requestId, remoteAddr, url, user: { id: 'bot' }, tenant: 'globex' },
      { commitId, requestId, remoteAddr, url, user: { id: 'ada' }, tenant: 'acme' },
    ]);
  });

  it('can name somebody else within a job', async () => {
    await app.audit.run({ tenant: 'acme' }, async () => {
      recorder.record(observed());
      await app.audit.run({ user: 'ada' }, () => recorder.record(observed()));
    });
    const events = [...(await eventsOf(app, 2))].sort((a, b) => a.sequence - b.sequence);
    expect(events).toMatchObject([
      { tenant: 'acme', user: null, system: true },
      { tenant: 'acme', user: { id: 'ada' }, system: false, commitId: events[0]?.commitId },
    ]);
  });

  it('gives its name to what the job records, but where that says otherwise', async () => {
    await app.audit.run({ tenant: 'acme', source: 'nightly' }, () => {
      app.audit.record({ name: 'Begun' });
      app.audit.record({ name: 'Told', user: 'ada', tenant: null });
    });
    const events = [...(await eventsOf(app, 2))].sort((a, b) => a.sequence - b.sequence);
    expect(events).toMatchObject([
      { kind: 'event', name: 'Begun', user: null, tenant: 'acme', system: true, source: 'nightly' },
      { name: 'Told', user: { id: 'ada' }, tenant: null, system: false, commitId: events[0]?.commitId },
    ]);
  });

  it("is not needed: what nobody asked for is the system's", async () => {
    recorder.record(observed());
    const event = await app.event();
    expect(event).toMatchObject({ kind: 'change', system: true, user: null, tenant: null, source: 'shop' });
    expect(event.commitId).toBe(event.uuid);
  });

  it.each(WRONG)('throws a TypeError in development on %s, and does not run', (_case, who, message) => {
    const task = jest.fn();
    const call = () => app.audit.run(who as RunAs, task);
    expect(call).toThrow(AuditCallError);
    expect(call).toThrow(message);
    expect(task).not.toHaveBeenCalled();
  });

  it.each(WRONG)('tells onError in production of %s, and runs', async (_case, who, message) => {
    process.env.NODE_ENV = 'production';
    expect(await app.audit.run(who as RunAs, () => 5)).toBe(5);
    expect(app.errors).toMatchObject([{ message: expect.stringMatching(message) }]);
  });
});
