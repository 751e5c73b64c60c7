import { createConnection } from 'mongoose';
import { EXPRESSES, freshUri, startApp, type TestApp } from '../support/app';
import { postJson } from './reading';
import { eventsOf } from './wait';

const MOST_EVENT_BYTES = 65_536;
/** As many bytes as so many characters can take. */
const LONG = '\ud800'.repeat(256);
const nested = (open: string, close: string, depth: number): string =>
  `${open.repeat(depth)}null${close.repeat(depth)}`;
const numbers = (count: number): string => `[${Array.from({ length: count }, (_, i) => i).join()}]`;
const keys = (count: number, value: string): string =>
  `{${Array.from({ length: count }, (_, i) => `"key${i}":${value}`).join()}}`;

const BODIES: readonly (readonly [string, () => string])[] = [
  ['lists, 100 deep', () => nested('[', ']', 100)],
  ['lists, 10,000 deep', () => nested('[', ']', 10_000)],
  ['lists, 100,000 deep', () => nested('[', ']', 100_000)],
  ['objects, 100 deep', () => nested('{"a":', '}', 100)],
  ['objects, 100,000 deep', () => nested('{"a":', '}', 100_000)],
  ['a million numbers', () => numbers(1_000_000)],
  ['100,000 keys', () => keys(100_000, '1')],
  ['2,000 strings', () => keys(2_000, `"${'v'.repeat(500)}"`)],
  ['a key of 5 MB', () => `{"${'k'.repeat(5_000_000)}":1}`],
  ['a string of 40 MB', () => `{"a":"${'s'.repeat(40_000_000)}"}`],
  ['a string of 10 MB that grows by escaping', () => `{"a":"${'\\udc00'.repeat(2_000_000)}"}`],
  ['a text of 5 MB in 4-byte characters', () => `["${'\u{1f600}'.repeat(1_250_000)}"]`],
  ['JSON in a string, 100,000 deep', () => JSON.stringify({ a: nested('[', ']', 100_000) })],
];

describe.each(EXPRESSES)('a large body sent to %s', (_, express) => {
  const mongo = freshUri();
  let app: TestApp;
  let sent = 0;

  beforeAll(async () => {
    app = await startApp({
      express,
      options: { mongo, flushIntervalMs: 20 },
      build(app, audit, { json }) {
        app.use(audit.middleware(), json({ limit: '100mb' }));
        app.post(`/${'r'.repeat(600)}`, (req, res) => {
          const person = { id: LONG, email: LONG, name: LONG, type: LONG };
          req.audit.user(person).onBehalfOf(person).tenant(LONG).name(LONG).object(LONG, LONG);
          req.audit.labels({ a: LONG, b: LONG }).error(new Error(LONG)).content(req.body);
          res.end();
        });
        app.post('/', (req, res) => {
          let depth = 0;
          for (let at = req.body; typeof at === 'object' && at !== null; at = Object.values(at)[0])
            depth += 1;
          res.json({ depth, width: Object.keys(req.body).length });
        });
      },
    });
  });
  afterAll(() => app.close());

  async function storedSizes(): Promise<ReadonlyMap<string, number>> {
    const connection = await createConnection(mongo).asPromise();
    const documents = await connection.db
      ?.collection('auditevents')
      .aggregate<{ uuid: { toUUID(): { toString(): string } }; size: number }>([
        { $project: { _id: 0, uuid: '$_id', size: { $bsonSize: '$$ROOT' } } },
      ])
      .toArray();
    await connection.close();
    return new Map(documents?.map(({ uuid, size }) => [uuid.toUUID().toString(), size]));
  }

  async function expectToFit(uuid: string | null | undefined): Promise<void> {
    const size = (await storedSizes()).get(uuid ?? '') ?? Number.NaN;
    expect(size).toBeGreaterThan(500);
    expect(size).toBeLessThanOrEqual(MOST_EVENT_BYTES);
  }

  it.each(BODIES)(
    'is answered as ever, fits into 64 KiB, and leaves its neighbours alone: %s',
    async (_case, make) => {
      const body = make();
      const tree: unknown = JSON.parse(body);
      let depth = 0;
      for (let at = tree; typeof at === 'object' && at !== null; at = Object.values(at)[0]) depth += 1;
      const [response, ...neighbours] = await Promise.all([
        postJson(app.url, body),
        postJson(app.url, '{"neighbour":1}'),
        postJson(app.url, '{"neighbour":2}'),
      ]);
      expect(await response.json()).toEqual({ depth, width: Object.keys(tree as object).length });
      sent += 3;
      const events = await eventsOf(app, sent);
      const find = (one: Response | undefined) =>
        events.find(({ uuid }) => uuid === one?.headers.get('x-audit-id'));
      const event = find(response);
      expect(event?.truncated.length).toBeGreaterThan(0);
      expect(JSON.stringify(event?.postData)).toMatch(/truncated: .*(bytes, sha256 [0-9a-f]{64}|too deep)/);
      expect(neighbours.map((one) => find(one)?.postData)).toEqual([{ neighbour: 1 }, { neighbour: 2 }]);
      expect(app.audit.stats()).toMatchObject({ dropped: 0, quarantined: 0, delivered: sent });
      await expectToFit(event?.uuid);
    },
  );

  it('fits into 64 KiB together with all else that an event may hold', async () => {
    const target = `/${'r'.repeat(600)}?${'q'.repeat(2_000)}=${'q'.repeat(5_000)}`;
    const response = await fetch(app.url + target, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'user-agent': '\u00e9'.repeat(2_000),
        'x-request-id': 'i'.repeat(128),
        'x-more': 'h'.repeat(3_000),
      },
      body: keys(2_000, `"${'v'.repeat(500)}"`),
    });
    sent += 1;
    await eventsOf(app, sent);
    await expectToFit(response.headers.get('x-audit-id'));
  });
});
