import { types } from 'node:util';
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

function isEmpty(value: unknown): boolean {
  if (value === null || value === undefined) return true;
  if (typeof value !== 'object' || types.isDate(value)) return false;
  for (const _ in value) return false;
  return true;
}

/** The document of an event; null fields, and empty lists and labels, are left out. */
export function toDocument(driver: Driver, event: AcceptedEvent, id: number, recordedAt: Date): Document {
  const binary = toBinary(driver, event.uuid);
  const document: Document = { _id: binary, id };
  for (const [name, value] of Object.entries(event)) {
    if (name === 'uuid' || value === null) continue;
    if ((name === 'labels' || name === 'truncated') && isEmpty(value)) continue;
    document[name] = value;
  }
  document.writer = toBinary(driver, event.writer);
  document.commitId = event.commitId === event.uuid ? binary : toBinary(driver, event.commitId);
  document.recordedAt = recordedAt;
  return document;
}

export function fromDocument(document: Document): StoredEvent {
  const { _id, writer, commitId, ...rest } = document;
  const stored = unescapeTree(rest) as Partial<StoredEvent>;
  const ids = { uuid: toUuid(_id), writer: toUuid(writer), commitId: toUuid(commitId) };
  return { ...ABSENT, ...stored, ...ids } as StoredEvent;
}
