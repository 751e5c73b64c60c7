import fc from 'fast-check';
import mongoose from 'mongoose';

import type { AuditEvent } from '../../lib/event';
import { fromDocument } from '../../lib/mongo/document';
import { EventEncoder, stamp } from '../../lib/mongo/encode-event';
import { Preparation } from '../../lib/mongo/prepare';
import { createToDocuments } from '../../lib/mongo/raw-documents';
import { blankEvent } from '../../lib/record/build-event';
import { createUuid7 } from '../../lib/record/uuid';

type Driver = typeof mongoose.mongo;
const mongoose8 = require('mongoose8') as typeof mongoose;
const drivers: readonly (readonly [string, Driver])[] = [
  ['mongoose 9', mongoose.mongo],
  ['mongoose 8', mongoose8.mongo],
];

const uuid7 = createUuid7();
const WRITER = uuid7().uuid;
const STAMP = { id: 2 ** 40 + 1, sequence: 7, recordedAt: new Date('2026-11-21T10:00:00.123Z') };

/** Keys as they are stored: those that MongoDB cannot hold are escaped before. */
const key = fc
  .string({ unit: 'binary', maxLength: 40 })
  .filter((text) => !/\0|^_bsontype$|^__proto__$|^\$|^(toString|valueOf|constructor|toBSON)$/.test(text));
const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 200 }), fc.string({ maxLength: 40 }));
const number = fc.oneof(
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);
const json = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'medium' },
    fc.constant(null),
    fc.boolean(),
    number,
    text,
    fc.array(tie('value'), { maxLength: 12 }),
    fc.dictionary(key, tie('value'), { maxKeys: 8, noNullPrototype: true }),
  ),
})).value;
const maybe = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: null });
const actor = fc.record({ id: maybe(text), email: maybe(text), name: maybe(text) });

const events: fc.Arbitrary<AuditEvent> = fc
  .record({
    name: text,
    user: maybe(actor),
    tenant: maybe(text),
    content: json,
    labels: fc.dictionary(key, fc.oneof(text, number), { maxKeys: 3, noNullPrototype: true }),
    exact: maybe(fc.boolean()),
    changeCount: maybe(fc.nat()),
    url: maybe(text),
    queryParams: json,
    postData: json,
    headers: json,
    statusCode: maybe(fc.integer({ min: 100, max: 999 })),
    durationMs: maybe(fc.double({ noNaN: true, min: 0, max: 1e6 })),
    truncated: fc.array(text, { maxLength: 3 }),
    timestamp: fc.date({ noInvalidDate: true }),
  })
  .map((fields) => ({ ...blankEvent(uuid7(), 'request', ''), ...fields }) as AuditEvent);

function encode(event: AuditEvent): Buffer {
  const body = Buffer.from(new EventEncoder(WRITER).encode(event).bytes);
  stamp(body, STAMP);
  return body;
}

describe.each(drivers)('an encoded event, with the driver of %s', (_, { BSON }) => {
  it('reads back equal', () => {
    fc.assert(
      fc.property(events, (event) => {
        const stored = fromDocument(BSON.deserialize(encode(event), { promoteBuffers: false }));
        expect(stored).toEqual({ ...event, ...STAMP, writer: WRITER });
      }),
      { numRuns: 300 },
    );
  });

  it('has the bytes that the driver itself would write', () => {
    fc.assert(
      fc.property(events, (event) => {
        const body = encode(event);
        const typed = BSON.deserialize(body, { promoteValues: false, promoteBuffers: false });
        expect(Buffer.compare(BSON.serialize(typed), body)).toBe(0);
      }),
      { numRuns: 300 },
    );
  });
});

/** What `amend` takes of an event, as the contract says. */
const AMENDED = [
  ...(['status', 'action', 'name', 'user', 'onBehalfOf', 'tenant', 'object', 'content'] as const),
  ...(['changeCount', 'labels', 'error', 'statusCode', 'durationMs', 'responseBytes', 'outcome'] as const),
  'truncated',
] as const;

describe('a prepared event', () => {
  it('that is amended equals the event with what may change between headers and end', () => {
    fc.assert(
      fc.property(events, events, (before, after) => {
        const preparation = new Preparation(WRITER);
        const amended = preparation.amend(preparation.prepare(before), after);
        const changed = Object.fromEntries(AMENDED.map((name) => [name, after[name]]));
        const expected = preparation.prepare({ ...before, ...changed } as AuditEvent);
        expect(amended).toEqual(expected);
      }),
    );
  });

  it('keeps its sequence, and what it was before is what it was', () => {
    const preparation = new Preparation(WRITER);
    const event = blankEvent(uuid7(), 'event', 'Before');
    const prepared = Object.assign(preparation.prepare(event), { sequence: 7 });
    const body = Buffer.from(prepared.body as Buffer);
    expect(preparation.amend(prepared, { ...event, name: 'A longer name' })?.sequence).toBe(7);
    expect(prepared.body).toEqual(body);
  });

  it('is restored from its bytes by another process', () => {
    fc.assert(
      fc.property(events, text, (event, type) => {
        const prepared = new Preparation(WRITER).prepare({ ...event, object: { type, id: '1' } });
        const { body, tailAt, timestamp } = prepared;
        const kept = { body: Buffer.from(body as Buffer), tailAt, timestamp, sequence: 7 };
        const restored = new Preparation(uuid7().uuid).restore(kept);
        expect(restored).toEqual({ ...prepared, cost: restored.cost, sequence: 7 });
      }),
    );
  });

  it('is kept as what it is where its bytes are none of an event', () => {
    const body = Buffer.from('not an event at all');
    const restored = new Preparation(WRITER).restore({ body, tailAt: 4, timestamp: 5, sequence: 7 });
    expect(restored).toMatchObject({ body: null, sequence: 7, timestamp: 5 });
    expect(restored.refusal?.text).toBe(body.toString('base64'));
  });

  it('is of the process that it is prepared for', () => {
    const other = uuid7().uuid;
    const { body } = new Preparation(WRITER).prepare(blankEvent(uuid7(), 'gap', 'AuditGap'), other);
    expect(fromDocument(mongoose.mongo.BSON.deserialize(body as Buffer)).writer).toBe(other);
  });
});

describe('what is larger than the room at first', () => {
  it.each([70_000, 300_000, 3_000_000])(
    '%d characters read back equal, and so does what follows',
    (length) => {
      const encoder = new EventEncoder(WRITER);
      const content = { before: [1, { text: 'x'.repeat(length) }], after: '\u4e2d'.repeat(length) };
      const large = { ...blankEvent(uuid7(), 'event', 'Large'), content } as AuditEvent;
      const small = blankEvent(uuid7(), 'event', 'Small');
      const read = (event: AuditEvent) => {
        const body = Buffer.from(encoder.encode(event).bytes);
        stamp(body, STAMP);
        return fromDocument(mongoose.mongo.BSON.deserialize(body));
      };
      expect(read(large).content).toEqual(content);
      expect(read(small)).toMatchObject({ name: 'Small', content: null });
    },
  );
});

describe.each(drivers)('a batch of encoded events, with the driver of %s', (_, driver) => {
  const bodies = Array.from({ length: 120 }, (_unused, i) => {
    const { body } = new Preparation(WRITER).prepare(blankEvent(uuid7(), 'event', `Event ${i}`));
    stamp(body as Buffer, STAMP);
    return body as Buffer;
  });
  const documents = bodies.map((body) => driver.BSON.deserialize(body, { promoteValues: false }));
  const expected = driver.BSON.serialize({ insert: 'x', documents, ordered: false });

  it('is sent as it is, without being encoded again', () => {
    const sent = createToDocuments(driver)(bodies);
    expect(sent).not.toBeInstanceOf(Array);
    const command = driver.BSON.serialize({ insert: 'x', documents: sent, ordered: false });
    expect(Buffer.compare(command, expected)).toBe(0);
  });

  it('is sent as documents where the driver encodes ObjectIds in another way', () => {
    class Silent extends driver.ObjectId {
      override get _bsontype(): 'ObjectId' {
        return undefined as never;
      }
    }
    const other = { BSON: driver.BSON, ObjectId: Silent, Binary: driver.Binary } as unknown as Driver;
    const sent = createToDocuments(other)(bodies) as readonly object[];
    expect(sent).toHaveLength(120);
    expect(fromDocument(sent[7] as never)).toMatchObject({ name: 'Event 7', id: STAMP.id });
  });
});
