import type { AuditEvent } from '../event';
import { BSON, BsonBytes, elementName, readUuid, UUID_SUBTYPE, writeDate, writeUuid } from './bson-bytes';

const { text, date, boolean, binary, double } = BSON;

/** What every document begins with: of fixed length, so that what is known late is set without encoding again. */
const UUID_HEAD = Buffer.from([16, 0, 0, 0, UUID_SUBTYPE]);
const HEAD = Buffer.concat([
  Buffer.alloc(4),
  ...[elementName(binary, '_id'), UUID_HEAD, Buffer.alloc(16)],
  ...[elementName(double, 'id'), Buffer.alloc(8)],
  ...[elementName(date, 'recordedAt'), Buffer.alloc(8)],
  ...[elementName(binary, 'writer'), UUID_HEAD, Buffer.alloc(16)],
  ...[elementName(double, 'sequence'), Buffer.alloc(8)],
]);
const valueAt = (name: string, prefix = 0): number => HEAD.indexOf(`${name}\0`) + name.length + 1 + prefix;
const ID_AT = valueAt('\x01id');
const UUID_AT = valueAt('_id', UUID_HEAD.length);
const RECORDED_AT = valueAt('recordedAt');
const WRITER_AT = valueAt('writer', UUID_HEAD.length);
const SEQUENCE_AT = valueAt('sequence');
/** Room for the size of a document that is none. */
const NO_HEAD = new Uint8Array(4);

const NAME = {
  timestamp: elementName(date, 'timestamp'),
  kind: elementName(text, 'kind'),
  status: elementName(text, 'status'),
  commitId: elementName(binary, 'commitId'),
  requestId: elementName(text, 'requestId'),
  traceId: elementName(text, 'traceId'),
  spanId: elementName(text, 'spanId'),
  source: elementName(text, 'source'),
  action: elementName(text, 'action'),
  name: elementName(text, 'name'),
  system: elementName(boolean, 'system'),
  tenant: elementName(text, 'tenant'),
  exact: elementName(boolean, 'exact'),
  partial: elementName(boolean, 'partial'),
  method: elementName(text, 'method'),
  url: elementName(text, 'url'),
  route: elementName(text, 'route'),
  host: elementName(text, 'host'),
  postDataState: elementName(text, 'postDataState'),
  remoteAddr: elementName(text, 'remoteAddr'),
  peerAddr: elementName(text, 'peerAddr'),
  userAgent: elementName(text, 'userAgent'),
  outcome: elementName(text, 'outcome'),
} as const;

/** Null is what a field that was left out says. */
function known<T>(value: T | null): T | undefined {
  return value ?? undefined;
}

/** Lists and labels that are empty are left out. */
function filled<T extends object>(value: T): T | undefined {
  for (const _ in value) return value;
  return undefined;
}

/** A fixed head for the documents of one writer. */
function headOf(writerId: string): Uint8Array {
  const head = Buffer.from(HEAD);
  writeUuid(head, WRITER_AT, writerId);
  return head;
}

/** A document, and where in it begins what the end of a request may still change. */
export interface Encoded {
  readonly bytes: Buffer;
  readonly tailAt: number;
}

/** Encodes the events of one writer. What it returns is overwritten by the next one. */
export class EventEncoder {
  private readonly document = new BsonBytes();
  private readonly head: Uint8Array;

  constructor(writerId: string) {
    this.head = headOf(writerId);
  }

  /**
   * The document of an event, null fields left out: all but `id`, `sequence` and `recordedAt`, for which `stamp` is.
   *
   * @throws {TypeError} for what BSON cannot hold, and what getters throw: never for an event that was normalised
   */
  encode(event: AuditEvent): Encoded {
    const { document } = this;
    document.begin(this.head);
    writeUuid(document.bytes, UUID_AT, event.uuid);
    this.what(event);
    this.request(event);
    const tailAt = document.length;
    this.tail(event);
    document.end();
    document.checkSize();
    return { bytes: document.bytes.subarray(0, document.length), tailAt };
  }

  /**
   * What `encode` writes from `tailAt` on, by itself: the fields that may change between headers and end.
   *
   * @throws {TypeError} as `encode` does
   */
  encodeTail(event: AuditEvent): Buffer {
    const { document } = this;
    document.begin(NO_HEAD);
    this.tail(event);
    document.end();
    document.checkSize();
    return document.bytes.subarray(NO_HEAD.length, document.length);
  }

  private what(event: AuditEvent): void {
    const { document } = this;
    document.member('version', event.version);
    document.date(NAME.timestamp, event.timestamp);
    document.text(NAME.kind, event.kind);
    document.uuid(NAME.commitId, event.commitId);
    document.text(NAME.requestId, event.requestId);
    document.text(NAME.traceId, event.traceId);
    document.text(NAME.spanId, event.spanId);
    document.text(NAME.source, event.source);
    document.boolean(NAME.system, event.system);
    document.member('association', known(event.association));
    document.member('before', known(event.before));
    document.member('after', known(event.after));
    document.member('diff', known(event.diff));
    document.boolean(NAME.exact, event.exact);
    document.boolean(NAME.partial, event.partial);
    document.member('gap', known(event.gap));
  }

  private request(event: AuditEvent): void {
    const { document } = this;
    document.text(NAME.method, event.method);
    document.text(NAME.url, event.url);
    document.text(NAME.route, event.route);
    document.text(NAME.host, event.host);
    document.member('queryParams', known(event.queryParams));
    document.member('postData', known(event.postData));
    document.text(NAME.postDataState, event.postDataState);
    document.member('headers', known(event.headers));
    document.text(NAME.remoteAddr, event.remoteAddr);
    document.text(NAME.peerAddr, event.peerAddr);
    document.text(NAME.userAgent, event.userAgent);
    document.member('client', known(event.client));
  }

  private tail(event: AuditEvent): void {
    const { document } = this;
    document.text(NAME.status, event.status);
    document.text(NAME.action, event.action);
    document.text(NAME.name, event.name);
    document.member('user', known(event.user));
    document.member('onBehalfOf', known(event.onBehalfOf));
    document.text(NAME.tenant, event.tenant);
    document.member('object', event.object);
    document.member('content', known(event.content));
    document.member('changeCount', known(event.changeCount));
    document.member('labels', filled(event.labels));
    document.member('error', known(event.error));
    document.member('statusCode', known(event.statusCode));
    document.member('durationMs', known(event.durationMs));
    document.member('responseBytes', known(event.responseBytes));
    document.text(NAME.outcome, event.outcome);
    document.member('truncated', filled(event.truncated));
  }
}

/** What is known only when a document is sent. */
export interface Stamp {
  readonly id: number;
  readonly sequence: number;
  readonly recordedAt: Date;
}

/** Sets it in place. Numbers are doubles: exact up to 2^53, equal to integers in every comparison of MongoDB. */
export function stamp(body: Buffer, { id, sequence, recordedAt }: Stamp): void {
  body.writeDoubleLE(id, ID_AT);
  body.writeDoubleLE(sequence, SEQUENCE_AT);
  writeDate(body, RECORDED_AT, recordedAt.getTime());
}

/** In whose name an event is stored. */
export function setWriter(body: Buffer, writerId: string): void {
  writeUuid(body, WRITER_AT, writerId);
}

/** What can be read of a document without decoding it. */
export function readHead(body: Buffer): { readonly uuid: string; readonly writer: string } {
  if (body.length < HEAD.length) throw new TypeError('it is shorter than an event');
  return { uuid: readUuid(body, UUID_AT), writer: readUuid(body, WRITER_AT) };
}
