import mongoose9 from 'mongoose';
import { type AuditError, createAudit } from '../../lib/index';
import { allEvents, freshUri } from '../support/app';
import { eventOf, listOf } from './contract';
import { ask, authenticate, closedAtEnd, startTrail } from './trail';

const mongoose8 = require('mongoose8') as typeof mongoose9;
const LAST_ID = 3_000_000_000;
const BODY =
  '{"int":1,"big":2147483648,"safe":9007199254740991,"half":1.5,"tiny":5e-324,"none":null,"list":[{"a.b":[]}],"$x":{},"__proto__":{"_bsontype":"Nope"},"date":"2026-01-01T00:00:00Z","bytes":"␛"}';

/** Options of connections that apps have, and that change what a driver gives or takes. */
const OPTIONS: readonly (readonly [string, object])[] = [
  ['numbers as Long', { promoteLongs: false }],
  ['numbers as BSON types', { promoteValues: false, promoteLongs: false }],
  ['numbers as BigInt', { useBigInt64: true }],
  ['raw documents', { raw: true }],
  ['buffers', { promoteBuffers: true, bsonRegExp: true, fieldsAsRaw: { headers: true, uuid: true } }],
  ['checks', { checkKeys: true, ignoreUndefined: true, serializeFunctions: true, forceServerObjectId: true }],
  ['no checks', { enableUtf8Validation: false, retryReads: false, retryWrites: false }],
  ['reads of a majority', { readPreference: 'secondaryPreferred', readConcern: { level: 'majority' } }],
  ['writes without acknowledgement', { writeConcern: { w: 0 } }],
  ['one compressed socket', { maxPoolSize: 1, compressors: ['zlib'] }],
  ['a strict stable API', { serverApi: { version: '1', strict: true, deprecationErrors: true } }],
];

describe.each([
  ['mongoose 9', mongoose9],
  ['mongoose 8', mongoose8],
])('a connection of %s that the app hands in', (_, mongoose) => {
  it.each(OPTIONS)('stores and answers the same with: %s', async (_what, options) => {
    const uri = freshUri();
    const connection = await closedAtEnd(mongoose.createConnection(uri, options)).asPromise();
    const errors: Error[] = [];
    const audit = closedAtEnd(
      createAudit({
        mongo: connection,
        flushIntervalMs: 5,
        auditReads: false,
        onError: (error) => errors.push(error),
      }),
    );
    const trail = await startTrail({
      options: { mongo: uri, ensureIndexes: false },
      build(app, own, { json }) {
        app.use('/own', own.router({ authenticate }));
        app.use('/handed', audit.router({ authenticate }));
        app.use(audit.middleware());
        app.use(json());
        app.post('/orders/:id', (req, res) => {
          req.audit.user({ id: 7, name: 'Ann' }).labels({ shard: 2 ** 40 });
          res.json({});
        });
      },
    });
    await audit.ready();
    // ids beyond 32 bits are stored as 64-bit integers
    const counters = trail.connection.db?.collection<{ _id: string; last: unknown }>('auditcounters');
    await counters?.insertOne({ _id: 'events', last: mongoose9.mongo.Long.fromNumber(LAST_ID) });
    const response = await fetch(`${trail.url}/orders/42?x=1`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: BODY,
    });
    expect(response.status).toBe(200);
    expect(await audit.flush()).toEqual({ pending: 0 });

    const uuid = response.headers.get('x-audit-id');
    const event = eventOf(await ask(`${trail.url}/handed/${uuid}`));
    expect(event).toEqual(eventOf(await ask(`${trail.url}/own/${uuid}`)));
    expect(event.post_data).toEqual(JSON.parse(BODY));
    expect(event).toMatchObject({ content_type: 1, object_id: 42, labels: { shard: 2 ** 40 } });
    for (const query of ['', '?user=7&object_id=42&content_type=1', '?timestamp__gt=2026-01-01&sort=user']) {
      const list = listOf(await ask(`${trail.url}/handed/${query}`));
      expect([list.count, list.results]).toEqual([1, [event]]);
    }
    const [stored] = await allEvents(audit);
    expect(stored).toMatchObject({ uuid, id: LAST_ID + 1 });
    expect(await audit.reader.safePoint()).toBe(LAST_ID + 1);
    expect(errors.map((error) => (error as AuditError).code)).toEqual([]);
    const indexes = await trail.connection.db?.collection('auditevents').indexes();
    expect(indexes).toHaveLength(9);
  });
});
