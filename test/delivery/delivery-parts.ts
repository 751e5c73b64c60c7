import type { AuditEvent } from '../../lib/event';
import { StoreConnection } from '../../lib/mongo/connection';
import { ContentTypes } from '../../lib/mongo/content-types';
import { Ids } from '../../lib/mongo/ids';
import { collectionNames } from '../../lib/mongo/names';
import { MongoWriter } from '../../lib/mongo/writer';
import { blankEvent } from '../../lib/record/build-event';
import { Delivery } from '../../lib/record/deliver';
import { createUuid7 } from '../../lib/record/uuid';
import { createReporter } from '../../lib/report';

export interface OpenDelivery {
  readonly delivery: Delivery;
  readonly errors: (Error & { readonly code?: string })[];
  /** An event, with fields that no request could have brought past normalising. */
  event(fields?: Readonly<Record<string, unknown>>): AuditEvent;
  close(): Promise<void>;
}

/** Delivery and the real writer without the stages in front of them: takes what those would never let through. */
export function openDelivery(uri: string, options: { readonly attemptMs?: number } = {}): OpenDelivery {
  const errors: Error[] = [];
  const reporter = createReporter({ onError: (error) => errors.push(error), onDrop: () => {} });
  const uuid7 = createUuid7();
  const writerId = uuid7().uuid;
  const names = collectionNames('auditevents');
  const connection = new StoreConnection({ mongo: uri, reporter });
  const writer = new MongoWriter({
    connection,
    names,
    writerId,
    ids: new Ids(names.counters, writerId),
    contentTypes: new ContentTypes(names),
    reporter,
    ensureIndexes: true,
    ...options,
  });
  const limits = { maxQueueEvents: 10_000, maxQueueBytes: 1024 ** 3 };
  const delivery = new Delivery({
    writer,
    journal: null,
    reporter,
    uuid7,
    source: null,
    limits,
    flushIntervalMs: 5,
    mask: (event) => event,
    outside: (task) => task(),
  });
  writer.start();
  return {
    delivery,
    errors,
    event: (fields) => ({ ...blankEvent(uuid7(), 'event', 'Noted'), ...fields }),
    async close() {
      await delivery.close(1_000);
      await writer.close();
    },
  };
}
