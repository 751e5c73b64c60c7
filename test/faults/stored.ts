import mongoose, { type Connection } from 'mongoose';

interface Hex {
  toString(encoding: 'hex'): string;
}

export interface StoredGap {
  readonly first: number;
  readonly last: number;
  readonly reason: string;
}

/** An event as it lies in MongoDB, with what the oracle looks at. */
export interface StoredRow {
  readonly id: number;
  readonly writer: string;
  readonly sequence: number;
  readonly kind: 'request' | 'change' | 'event' | 'gap';
  readonly status: 'intent' | 'success' | 'failure';
  readonly commitId: string;
  readonly requestId: string;
  readonly objectId: string;
  readonly method?: string;
  readonly url?: string;
  readonly postData?: unknown;
  readonly statusCode?: number;
  readonly outcome?: string;
  readonly gap?: StoredGap;
}

export interface QuarantinedRow {
  readonly writer: string;
  readonly sequence: number;
  readonly requestId: string;
  readonly commitId: string;
}

export interface Stored {
  readonly rows: readonly StoredRow[];
  readonly quarantined: readonly QuarantinedRow[];
  /** Documents of the app's own, by id. */
  readonly notes: ReadonlySet<string>;
}

type Raw = Omit<StoredRow, 'writer' | 'commitId' | 'objectId'> & {
  readonly writer: Hex;
  readonly commitId: Hex;
  readonly object: { readonly id: string };
};
type RawQuarantined = { readonly writer: Hex; readonly sequence: number; readonly event: string };

const FIELDS =
  'id writer sequence kind status commitId requestId object method url postData statusCode outcome gap'.split(
    ' ',
  );
const PROJECTION = Object.fromEntries(FIELDS.map((field) => [field, 1]));

/** A look at MongoDB beside the app: it is there again after a fault, and every read is a majority's. */
export class Look {
  private connection: Promise<Connection> | null = null;

  constructor(readonly uri: string) {}

  private open(): Promise<Connection> {
    if (this.connection !== null) return this.connection;
    const connection = mongoose.createConnection(this.uri, { serverSelectionTimeoutMS: 30_000 });
    connection.on('error', () => {});
    this.connection = connection.asPromise().catch(async (error) => {
      this.connection = null;
      await connection.close(true);
      throw error;
    });
    return this.connection;
  }

  async command(command: Readonly<Record<string, unknown>>, database?: string): Promise<void> {
    await (await this.open()).getClient().db(database).command(command);
  }

  private async collection(name: string) {
    const client = (await this.open()).getClient();
    return client.db().collection(name, { readConcern: { level: 'majority' } });
  }

  async count(): Promise<number> {
    return (await this.collection('auditevents')).countDocuments({});
  }

  async has(requestId: string): Promise<boolean> {
    return (await (await this.collection('auditevents')).findOne({ requestId })) !== null;
  }

  async read(): Promise<Stored> {
    const events = await this.collection('auditevents');
    const raw = (await events.find({}, { projection: PROJECTION }).toArray()) as unknown as Raw[];
    const quarantine = await this.collection('auditquarantine');
    const refused = (await quarantine.find({}).toArray()) as unknown as RawQuarantined[];
    const notes = await (await this.collection('notes')).find({}, { projection: { _id: 1 } }).toArray();
    return {
      rows: raw.map(({ writer, commitId, object, ...row }) => ({
        ...row,
        writer: writer.toString('hex'),
        commitId: commitId.toString('hex'),
        objectId: object.id,
      })),
      quarantined: refused.map(({ writer, sequence, event }) => {
        const { requestId, commitId } = JSON.parse(event) as Pick<StoredRow, 'requestId' | 'commitId'>;
        return {
          writer: writer.toString('hex'),
          sequence,
          requestId,
          commitId: commitId.replaceAll('-', ''),
        };
      }),
      notes: new Set(notes.map(({ _id }) => String(_id))),
    };
  }

  async close(): Promise<void> {
    await (await this.connection?.catch(() => null))?.close(true);
  }
}
