import { setTimeout as delay } from 'node:timers/promises';
import type { StoredEvent } from '../../lib/index';
import type { TestApp } from '../support/app';

const LONGEST_WAIT_MS = 20_000;
const POLL_MS = 2;
const LIMITS = { maxTimeMS: 20_000 };

/** For conditions that announce themselves in no other way. */
export async function waitFor(what: string, condition: () => boolean): Promise<void> {
  const deadline = performance.now() + LONGEST_WAIT_MS;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`It did not come to pass that ${what}.`);
    await delay(POLL_MS);
  }
}

/** The stored events, oldest first, once so many were captured; fails when there are more. */
export async function eventsOf(app: TestApp, count: number): Promise<readonly StoredEvent[]> {
  await waitFor(`${count} events are captured`, () => app.audit.stats().captured >= count);
  const events = await app.events();
  if (events.length !== count) throw new Error(`${events.length} events are stored, expected ${count}`);
  return events;
}

/** The next event: that of the request which a test sends to an app that it shares with other tests. */
export async function nextEvent(app: TestApp, send: () => unknown): Promise<StoredEvent> {
  const before = app.audit.stats().captured;
  await send();
  await waitFor('an event is captured', () => app.audit.stats().captured > before);
  await app.audit.flush();
  const events = await app.audit.reader.find(
    { tenants: '*' },
    { where: [] },
    [{ field: 'timestamp', descending: true }],
    { skip: 0, limit: app.audit.stats().captured - before },
    LIMITS,
  );
  const [event] = events;
  if (events.length !== 1 || event === undefined)
    throw new Error(`${events.length} events came, expected one`);
  return event;
}
