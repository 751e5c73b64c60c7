import type express from 'express';
import type { Request, RequestHandler } from 'express';
import type { StoredEvent } from '../../lib/index';
import type { ObservedChange } from '../../lib/observed-change';
import { startApp, type TestApp } from '../support/app';
import { observed } from './observed';
import { exchange, get } from './raw-client';
import { waitFor } from './wait';

export type Audit = Request['audit'];

const LIMITS = { maxTimeMS: 20_000 };

/** An app whose one route, `/items/:id`, does what a test says, and what was recorded of it. */
export class ChangesApp {
  /** Answers the next request. */
  handle: RequestHandler = (_req, res) => res.send('ok');
  readonly recorder: ReturnType<TestApp['audit']['changeRecorder']>;

  private constructor(readonly app: TestApp) {
    this.recorder = app.audit.changeRecorder();
  }

  static async start(on: typeof express): Promise<ChangesApp> {
    const app = await startApp({
      express: on,
      options: {
        source: 'shop',
        user: (req) => req.headers['x-user'] as string,
        tenant: () => 'acme',
        labels: () => ({ operatorId: 5 }),
        redact: { paths: ['before.shoeSize', 'after.shoeSize'] },
      },
      build(app, audit) {
        app.use(audit.middleware());
        app.all('/items/:id', (req, res, next) => changes.handle(req, res, next));
      },
    });
    const changes = new ChangesApp(app);
    return changes;
  }

  send(): Promise<string> {
    return exchange(this.app.url, get('/items/7', ['X-User: ada']));
  }

  /** What one call set off: the changes in their order, and the request's own event, the last one. */
  async recordedBy(run: () => unknown, count: number): Promise<readonly StoredEvent[]> {
    const { audit } = this.app;
    const before = audit.stats().captured;
    await run();
    await waitFor(`${count} events are captured`, () => audit.stats().captured >= before + count);
    const { captured } = audit.stats();
    await audit.flush();
    const newest = [{ field: 'recordedAt', descending: true }] as const;
    const page = { skip: 0, limit: captured - before };
    const events = await audit.reader.find({ tenants: '*' }, { where: [] }, newest, page, LIMITS);
    return [...events].sort((a, b) => a.sequence - b.sequence);
  }

  /** What a handler of one request recorded. */
  async changesOf(call: (audit: Audit) => unknown, count = 1) {
    this.handle = (req, res) => {
      call(req.audit);
      res.send('ok');
    };
    const events = await this.recordedBy(() => this.send(), count + 1);
    expect(events).toHaveLength(count + 1);
    return { changes: events.slice(0, -1), request: events.at(-1) as StoredEvent };
  }

  async changeOf(call: (audit: Audit) => unknown): Promise<StoredEvent> {
    const { changes } = await this.changesOf(call);
    return changes[0] as StoredEvent;
  }

  /** The event of one change that was observed. */
  stored(change: Partial<ObservedChange>): Promise<StoredEvent> {
    return this.changeOf(() => this.recorder.record(observed(change)));
  }
}
