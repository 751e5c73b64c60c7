import { unescapeTree } from '../escape';
import type { AcceptedEvent, StoredEvent } from '../event';
import type { Driver } from './connection';

/** A BSON document, as the driver takes and gives it. */
export type Document = Record<string, unknown>;

/** What a field that was left out says. */
const ABSENT = {
  traceId: null,
  spanId: null,
  source: null,
  user: null,
  onBehalfOf: null,
  tenant: null,
  association: null,
  content: null,
  before: null,
  after: null,
  diff: null,
  exact: null,
  partial: null,
  changeCount: null,
  labels: {},
  error: null,
  method: null,
  url: null,
  route: null,
  host: null,
  queryParams: null,
  postData: null,
  headers: null,
  remoteAddr: null,
  peerAddr: null,
  userAgent: null,
  client: null,
  statusCode: null,
  durationMs: null,
  responseBytes: null,
  outcome: null,
  truncated: [],
  gap: null,
} as const satisfies Partial<StoredEvent>;

const UUID_SUBTYPE = 4;

export function toBinary(driver: Driver, uuid: string): unknown {
  return new driver.Binary(Buffer.from(uuid.replaceAll('-', ''), 'hex'), UUID_SUBTYPE);
}

function toUuid(binary: unknown): string {
  const { buffer } = binary as { buffer: Uint8Array };
  const hex = Buffer.from(buffer).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`;
}

/** What is not known is left out: the driver skips what is undefined (`WRITE_OPTIONS`). */
function known<T>(value: T | null): T | undefined {
  return value ?? undefined;
}

function filled<T extends object>(value: T): T | undefined {
  for (const _ in value) return value;
  return undefined;
}

/**
 * The document of an event; null fields, and empty lists and labels, are left out. Field by field, since an object
 * whose fields are added one after the other takes the process longer than all the rest of storing it.
 */
export function toDocument(driver: Driver, event: AcceptedEvent, id: number, recordedAt: Date): Document {
  const uuid = toBinary(driver, event.uuid);
  return {
    _id: uuid,
    id,
    writer: toBinary(driver, event.writer),
    sequence: event.sequence,
    version: event.version,
    timestamp: event.timestamp,
    recordedAt,
    kind: event.kind,
    status: event.status,
    commitId: event.commitId === event.uuid ? uuid : toBinary(driver, event.commitId),
    requestId: event.requestId,
    traceId: known(event.traceId),
    spanId: known(event.spanId),
    source: known(event.source),
    action: event.action,
    name: event.name,
    user: known(event.user),
    onBehalfOf: known(event.onBehalfOf),
    system: event.system,
    tenant: known(event.tenant),
    object: event.object,
    association: known(event.association),
    content: known(event.content),
    before: known(event.before),
    after: known(event.after),
    diff: known(event.diff),
    exact: known(event.exact),
    partial: known(event.partial),
    changeCount: known(event.changeCount),
    labels: filled(event.labels),
    error: known(event.error),
    method: known(event.method),
    url: known(event.url),
    route: known(event.route),
    host: known(event.host),
    queryParams: known(event.queryParams),
    postData: known(event.postData),
    postDataState: event.postDataState,
    headers: known(event.headers),
    remoteAddr: known(event.remoteAddr),
    peerAddr: known(event.peerAddr),
    userAgent: known(event.userAgent),
    client: known(event.client),
    statusCode: known(event.statusCode),
    durationMs: known(event.durationMs),
    responseBytes: known(event.responseBytes),
    outcome: known(event.outcome),
    truncated: filled(event.truncated),
    gap: known(event.gap),
  } satisfies { readonly [field in Exclude<keyof StoredEvent, 'uuid'> | '_id']: unknown };
}

export function fromDocument(document: Document): StoredEvent {
  const { _id, writer, commitId, ...rest } = document;
  const stored = unescapeTree(rest) as Partial<StoredEvent>;
  const ids = { uuid: toUuid(_id), writer: toUuid(writer), commitId: toUuid(commitId) };
  return { ...ABSENT, ...stored, ...ids } as StoredEvent;
}
