import { setImmediate as turn } from 'node:timers/promises';
import { EXPRESSES } from '../support/app';
import { ChangesApp } from './changes-app';
import { observed } from './observed';

const KIBIBYTE = 1_024;

describe.each(EXPRESSES)('changes on %s', (_, express) => {
  let on: ChangesApp;
  beforeAll(async () => {
    on = await ChangesApp.start(express);
  });
  afterAll(() => on.app.close());

  it('carries who, from where and by which request', async () => {
    const { changes, request } = await on.changesOf(() => on.recorder.record(observed({ exact: true })));
    expect(request).toMatchObject({ kind: 'request', changeCount: 1, object: { type: 'items', id: '7' } });
    const { tenant, requestId, commitId, user, url, route, remoteAddr, host, labels, source } = request;
    expect(changes).toMatchObject([
      {
        ...{ tenant, requestId, commitId, user, url, route, remoteAddr, host, labels, source },
        kind: 'change',
        status: 'success',
        action: 'update',
        name: 'update items',
        object: { type: 'items', id: '7' },
        system: false,
        before: { price: 1 },
        after: { price: 2 },
        diff: [{ kind: 'E', path: ['price'], lhs: 1, rhs: 2 }],
        exact: true,
        partial: false,
        headers: null,
        postDataState: 'absent',
        statusCode: null,
      },
    ]);
    expect(request.user).toMatchObject({ id: 'ada' });
    expect(changes[0]?.uuid).not.toBe(request.uuid);
  });

  it('counts no changes where a request made none', async () => {
    const { request } = await on.changesOf(() => {}, 0);
    expect(request.changeCount).toBeNull();
  });

  it('carries the user who is known when the request ends', async () => {
    const { changes } = await on.changesOf((audit) => {
      on.recorder.record(observed());
      audit.user({ id: 'late' }).tenant('globex').labels({ late: 1 }).onBehalfOf('boss');
    });
    expect(changes).toMatchObject([
      { user: { id: 'late' }, tenant: 'globex', labels: { late: 1 }, onBehalfOf: { id: 'boss' } },
    ]);
  });

  it('carries the commitId of its request also after the response', async () => {
    let change = (): void => {};
    on.handle = (_req, res) => {
      const resource = new Promise<void>((resolve) => {
        change = resolve;
      });
      resource.then(() => on.recorder.record(observed()));
      res.send('ok');
    };
    const [request] = await on.recordedBy(() => on.send(), 1);
    const [late] = await on.recordedBy(async () => {
      const { captured } = on.app.audit.stats();
      change();
      await turn();
      // nothing more is learnt of the request: it does not wait
      expect(on.app.audit.stats().captured).toBe(captured + 1);
    }, 1);
    expect(late).toMatchObject({ kind: 'change', commitId: request?.commitId, user: { id: 'ada' } });
    expect(request?.changeCount).toBeNull();
  });

  it('stays in the trail when its request is left out of it', async () => {
    on.handle = (req, res) => {
      on.recorder.record(observed());
      req.audit.skip();
      res.send('ok');
    };
    const events = await on.recordedBy(() => on.send(), 1);
    expect(events).toMatchObject([{ kind: 'change', user: { id: 'ada' }, tenant: 'acme' }]);
  });

  it('says how many more documents a write changed', async () => {
    const { changes, request } = await on.changesOf(() => {
      on.recorder.record(observed());
      on.recorder.recordMore({ action: 'delete', type: 'items', count: 12 });
    }, 2);
    expect(changes[1]).toMatchObject({
      kind: 'change',
      action: 'delete',
      object: { type: 'items' },
      content: { more: 12 },
      before: null,
      commitId: request.commitId,
    });
    expect(request.changeCount).toBe(2);
  });

  it('says that nobody knows whether it took place', async () => {
    const { changes } = await on.changesOf(() => {
      on.recorder.record(observed({ outcome: 'unknown' }));
      on.recorder.recordMore({ action: 'update', type: 'items', count: 2, outcome: 'unknown' });
      on.recorder.record(observed());
    }, 3);
    expect(changes.map(({ outcome }) => outcome)).toEqual(['unknown', 'unknown', null]);
  });

  it('is delivered when 1,000 of them wait, before the request ends', async () => {
    on.handle = (_req, res) => {
      const { captured } = on.app.audit.stats();
      for (let i = 0; i < 1_001; i++) on.recorder.record(observed());
      expect(on.app.audit.stats().captured).toBe(captured + 1_000);
      res.send('ok');
    };
    const events = await on.recordedBy(() => on.send(), 1_002);
    expect(events.at(-1)).toMatchObject({ kind: 'request', statusCode: 200, changeCount: 1_001 });
    expect(new Set(events.map(({ commitId }) => commitId)).size).toBe(1);
  });

  it('is delivered when 4 MiB of them wait, before the request ends', async () => {
    let end = (): void => {};
    on.handle = (_req, res) => {
      const before = { text: 'a'.repeat(200 * KIBIBYTE) };
      for (let i = 0; i < 12; i++) on.recorder.record(observed({ before }));
      end = () => res.send('ok');
    };
    let answer: Promise<string> | undefined;
    await on.recordedBy(() => {
      answer = on.send();
    }, 5);
    end();
    await answer;
    await on.app.events();
  });
});
