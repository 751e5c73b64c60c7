import { unescapeTree } from '../escape';
import type { StoredEvent } from '../event';
import { readUuid, UUID_SUBTYPE, writeUuid } from './bson-bytes';
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

export function toBinary(driver: Driver, uuid: string): unknown {
  const bytes = Buffer.alloc(16);
  writeUuid(bytes, 0, uuid);
  return new driver.Binary(bytes, UUID_SUBTYPE);
}

function toUuid(binary: unknown): string {
  const { buffer } = binary as { buffer: Uint8Array };
  return readUuid(Buffer.from(buffer), 0);
}

export function fromDocument(document: Document): StoredEvent {
  const { _id, writer, commitId, ...rest } = document;
  const stored = unescapeTree(rest) as Partial<StoredEvent>;
  const ids = { uuid: toUuid(_id), writer: toUuid(writer), commitId: toUuid(commitId) };
  return { ...ABSENT, ...stored, ...ids } as StoredEvent;
}

/** A document that is not stored, as text: escaped as it would have been. */
export function toText(document: Document): string {
  const { _id, id, recordedAt, writer, commitId, ...rest } = document;
  const ids = { uuid: toUuid(_id), writer: toUuid(writer), commitId: toUuid(commitId) };
  return JSON.stringify({ ...ids, ...rest });
}
