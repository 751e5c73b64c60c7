import { type Audit, createAudit } from '../../lib/index';
import { allEvents, freshUri } from '../support/app';
import { type Connection, MONGOOSES, type Raw } from './replica-set';

const SEEN = '[REDACTED]';

describe.each(MONGOOSES)('what is not selected, on %s', (_, mongoose) => {
  const { Schema } = mongoose;
  let audit: Audit;
  let connection: Connection;

  beforeEach(async () => {
    audit = createAudit({ mongo: freshUri(), flushIntervalMs: 5, ensureIndexes: false });
    await audit.ready();
    connection = await mongoose.createConnection(freshUri()).asPromise();
  });
  afterEach(async () => {
    await connection.dropDatabase();
    await connection.close();
    await audit.close();
  });

  /** The trail's view of what was created, without ids. */
  async function createdState(): Promise<unknown> {
    const [event] = await allEvents(audit);
    const text = JSON.stringify(event);
    expect(text).not.toContain('canary');
    return JSON.parse(
      JSON.stringify(event?.after, (key, value) => (key === '_id' || key === '__v' ? undefined : value)),
    );
  }

  const hidden = { type: String, select: false } as const;

  it('is masked at any depth of a schema within itself', async () => {
    const node = new Schema<Raw>({ hush: hidden, kept: Number });
    node.add({ nodes: [node], one: node });
    node.plugin(audit.changes());
    const Tree = connection.model('Tree', node);
    const leaf = { hush: 'canary', kept: 1 };
    await Tree.create({ ...leaf, nodes: [{ ...leaf, nodes: [leaf] }], one: { nodes: [leaf] } });
    const seen = { hush: SEEN, kept: 1, nodes: [] };
    expect(await createdState()).toEqual({
      ...{ hush: SEEN, kept: 1 },
      nodes: [{ ...seen, nodes: [seen] }],
      one: { nodes: [seen] },
    });
  });

  it('is masked in every discriminator of a sub-document, also in one that came after the model', async () => {
    const event = new Schema({ kept: Number }, { discriminatorKey: 'kind' });
    const schema = new Schema({ events: [event] });
    schema.plugin(audit.changes());
    const Batch = connection.model('Batch', schema);
    const list = Batch.schema.path('events') as InstanceType<typeof Schema.Types.DocumentArray>;
    list.discriminator('Clicked', new Schema({ hush: hidden }));
    await Batch.create({ events: [{ kind: 'Clicked', hush: 'canary', kept: 1 }] });
    expect(await createdState()).toEqual({ events: [{ kind: 'Clicked', hush: SEEN, kept: 1 }] });
  });

  it('is masked in lists of lists', async () => {
    const schema = new Schema({ rows: [[new Schema({ hush: hidden, kept: Number })]] });
    schema.plugin(audit.changes());
    await connection.model('Table', schema).create({ rows: [[{ hush: 'canary', kept: 1 }]] });
    expect(await createdState()).toEqual({ rows: [[{ hush: SEEN, kept: 1 }]] });
  });
});
