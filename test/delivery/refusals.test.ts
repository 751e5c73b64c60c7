import type { Mongod } from '../../examples/mongod';
import { unescapeText } from '../../lib/escape';
import { freshUri } from '../support/app';
import { type OpenDelivery, openDelivery } from './delivery-parts';
import { closeAudits, dbOf, look, recordMany, startAudit, startFailingMongod, watchBalance } from './harness';
import { expectWholeTrail } from './trail';

function nested(levels: number): object {
  let value: object = {};
  for (let i = 0; i < levels; i++) value = { a: value };
  return value;
}

function circular(): object {
  const value: Record<string, unknown> = {};
  value.self = value;
  return value;
}

const MIB = 1024 * 1024;
const poisons: readonly (readonly [string, () => unknown])[] = [
  ['a value of an unknown BSON type', () => ({ _bsontype: 'Nope' })],
  ['a key with a NUL', () => ({ 'a\0b': 1 })],
  ['300 levels', () => nested(300)],
  ['10,000 levels', () => nested(10_000)],
  ['a circle', circular],
  [
    'a getter that throws',
    () =>
      Object.defineProperty({}, 'boom', {
        enumerable: true,
        get() {
          throw new Error('no');
        },
      }),
  ],
  ['a string of 16.5 MiB', () => 'x'.repeat(16.5 * MIB)],
  ['a string of 50 MiB', () => 'x'.repeat(50 * MIB)],
];

describe('an event that cannot be stored', () => {
  let delivery: OpenDelivery['delivery'];
  let opened: OpenDelivery;
  let uri: string;

  beforeEach(() => {
    uri = freshUri();
    opened = openDelivery(uri);
    delivery = opened.delivery;
  });
  afterEach(() => opened.close());

  // in the content, and in a field that the registry of types reads before
  const places = [(poison: unknown) => ({ content: poison }), (poison: unknown) => ({ labels: { poison } })];

  it.each(poisons)('goes to quarantine alone when it holds %s', async (_, poison) => {
    const values = places.map((place) => place(poison()));
    for (let i = 0; i < 40; i++) {
      delivery.accept(opened.event({ content: { i } }));
      if (i === 13 || i === 30) delivery.accept(opened.event(values[i === 13 ? 0 : 1]));
    }
    expect(await delivery.flush(20_000)).toEqual({ pending: 0 });
    expect(delivery.stats()).toMatchObject({ captured: 42, delivered: 40, quarantined: 2, dropped: 0 });
    const { events, quarantined } = await expectWholeTrail(uri);
    expect(events.map(({ sequence }) => sequence)).not.toContain(15);
    expect(events).toHaveLength(40);
    expect(quarantined.map(({ sequence }) => sequence)).toEqual([15, 33]);
    expect(quarantined[0]?.reason).toMatch(/^it cannot be encoded: \w+/);
    expect(quarantined[0]?.event).toContain('Noted');
    expect(opened.errors.map(({ code }) => code)).toEqual([
      'AUDIT_EVENT_QUARANTINED',
      'AUDIT_EVENT_QUARANTINED',
    ]);
  });

  it('does not stop the ones behind it, even where its object type is the poison', async () => {
    delivery.accept(opened.event({ object: { type: { _bsontype: 'Nope' }, id: '1' } }));
    delivery.accept(opened.event());
    expect(await delivery.flush(20_000)).toEqual({ pending: 0 });
    expect(delivery.stats()).toMatchObject({ delivered: 1, quarantined: 1 });
    await expectWholeTrail(uri);
  });

  it('is no reason to refuse events that are together too large for one command', async () => {
    for (let i = 0; i < 12; i++) delivery.accept(opened.event({ content: '\u4e2d'.repeat(2 * MIB) }));
    expect(await delivery.flush(20_000)).toEqual({ pending: 0 });
    expect(delivery.stats()).toMatchObject({ delivered: 12, quarantined: 0 });
  });
});

async function refuse(uri: string, validator: object): Promise<void> {
  const connection = await look(uri);
  await dbOf(connection).command({ collMod: 'auditevents', validator });
  await connection.close();
}

describe('what MongoDB refuses', () => {
  let mongod: Mongod & { fail: Awaited<ReturnType<typeof startFailingMongod>>['fail'] };

  beforeAll(async () => {
    mongod = await startFailingMongod();
  });
  afterEach(async () => {
    await mongod.fail({}, 'off');
    await closeAudits();
  });
  afterAll(() => mongod.stop());

  it('by a validator is quarantined with the reason, and its neighbours are stored', async () => {
    const { audit, uri, errors } = startAudit({ base: mongod.uri });
    await audit.ready();
    await refuse(uri, { 'content.i': { $nin: [3, 4, 17] } });
    const watch = watchBalance(audit);
    for (let i = 0; i < 20; i++) audit.record({ name: 'Noted', content: { i } });
    expect(await audit.flush()).toEqual({ pending: 0 });
    watch.stop();
    expect(audit.stats()).toMatchObject({ delivered: 17, quarantined: 3, state: 'healthy' });
    const { quarantined, events } = await expectWholeTrail(uri);
    expect(events).toHaveLength(17);
    expect(quarantined.map(({ event }) => JSON.parse(event).content)).toEqual([
      { i: 3 },
      { i: 4 },
      { i: 17 },
    ]);
    expect(quarantined[0]?.reason).toBe('MongoDB error 121, by the validator of the collection');
    expect(errors.map(({ code }) => code)).toEqual(Array(3).fill('AUDIT_EVENT_QUARANTINED'));
  });

  it('by a unique index of the user is quarantined, once, also when the answer was lost', async () => {
    const { audit, uri } = startAudit({ base: mongod.uri });
    await audit.ready();
    const connection = await look(uri);
    await dbOf(connection).collection('auditevents').createIndex({ 'content.key': 1 }, { unique: true });
    await connection.close();
    const writeConcernError = { code: 64, errmsg: 'timed out' };
    await mongod.fail({ failCommands: ['insert'], writeConcernError });
    for (const key of ['a', 'b', 'a', 'c']) audit.record({ name: 'Noted', content: { key } });
    expect(await audit.flush()).toEqual({ pending: 0 });
    expect(audit.stats()).toMatchObject({ delivered: 3, quarantined: 1 });
    const { quarantined } = await expectWholeTrail(uri);
    expect(quarantined[0]?.sequence).toBe(3);
    expect(quarantined[0]?.reason).toMatch(/11000.*content\.key/);
  });

  it('as a whole batch is offered again in halves', async () => {
    const { audit, uri } = startAudit({ base: mongod.uri });
    await audit.ready();
    await mongod.fail({ failCommands: ['insert'], errorCode: 10334 }, { times: 3 });
    recordMany(audit, 40);
    expect(await audit.flush()).toEqual({ pending: 0 });
    expect(audit.stats()).toMatchObject({ delivered: 40, quarantined: 0 });
    await expectWholeTrail(uri);
  });

  it.each([
    ['fails', { errorCode: 13 }],
    ['loses its answer', { closeConnection: true }],
    ['has no majority yet', { writeConcernError: { code: 64, errmsg: 'timed out' } }],
  ])('is kept once, though the quarantine %s at first', async (_, fault) => {
    const { audit, uri } = startAudit({ base: mongod.uri });
    await audit.ready();
    await refuse(uri, { name: { $ne: 'Bad' } });
    await mongod.fail({ failCommands: ['update'], ...fault }, { times: 2 });
    audit.record({ name: 'Bad' });
    audit.record({ name: 'Good' });
    expect(await audit.flush()).toEqual({ pending: 0 });
    expect(audit.stats()).toMatchObject({ delivered: 1, quarantined: 1, state: 'healthy' });
    expect((await expectWholeTrail(uri)).quarantined).toHaveLength(1);
  });

  it('goes to quarantine by its whole text, so that it can be stored again by hand', async () => {
    const { audit, uri } = startAudit({ base: mongod.uri });
    await audit.ready();
    await refuse(uri, { name: 'Never' });
    const text = '\u{1F600}\ud800"\\\u0000'.repeat(100);
    const uuid = audit.record({ name: 'Noted', content: { text } });
    await audit.flush();
    const [kept] = (await expectWholeTrail(uri)).quarantined;
    const event = JSON.parse(kept?.event ?? '');
    expect(event).toMatchObject({ uuid, name: 'Noted', sequence: 1 });
    expect(unescapeText(event.content.text)).toBe(text);
  });
});
