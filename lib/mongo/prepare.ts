import { randomUUID } from 'node:crypto';
import { inspect } from 'node:util';
import type { AuditEvent } from '../event';
import type { EventBytes } from '../journal';
import type { PreparedEvent } from '../store';
import { Arena, costOf } from './arena';
import { objectTypeIn } from './bson-members';
import { EventEncoder, readHead, setWriter } from './encode-event';
import { MOST_TEXT } from './quarantine';

/** What is charged for the objects around a text. */
const TEXT_BYTES = 1_024;
/** Clients may choose them where a mount has a parameter. */
const MOST_TYPES = 1_000;

/** As much as quarantine keeps: whatever cannot be encoded can be shown. */
function toText(event: AuditEvent): string {
  try {
    return JSON.stringify(event).slice(0, MOST_TEXT);
  } catch {
    return inspect(event, { depth: 16, maxArrayLength: 1_000, customInspect: false }).slice(0, MOST_TEXT);
  }
}

function reasonOf(error: unknown): string {
  return `it cannot be encoded: ${error instanceof TypeError ? error.message : 'a value of it throws'}`;
}

function refused(
  { uuid, timestamp }: Pick<PreparedEvent, 'uuid' | 'timestamp'>,
  refusal: NonNullable<PreparedEvent['refusal']>,
): PreparedEvent {
  const cost = TEXT_BYTES + refusal.text.length * 2;
  return { uuid, timestamp, objectType: '', cost, body: null, tailAt: 0, refusal, sequence: 0, place: null };
}

/** Encodes events as they come, so that what waits is bytes: little memory, exactly counted, and no garbage. */
export class Preparation {
  private readonly encoder: EventEncoder;
  private readonly arena = new Arena();
  /** Object types by themselves: one may be a slice, which would keep the whole URL in memory that it was cut from. */
  private readonly types = new Map<string, string>();

  constructor(writerId: string) {
    this.encoder = new EventEncoder(writerId);
  }

  /** @throws {TypeError} for what is no text */
  private typeOf(type: string): string {
    if (typeof type !== 'string') throw new TypeError('the type of the object is no text');
    const known = this.types.get(type);
    if (known !== undefined) return known;
    const own = Buffer.from(type).toString();
    if (this.types.size >= MOST_TYPES) this.types.clear();
    this.types.set(own, own);
    return own;
  }

  prepare(event: AuditEvent, writer?: string): PreparedEvent {
    const { uuid, object } = event;
    const timestamp = event.timestamp.getTime();
    try {
      const { bytes, tailAt } = this.encoder.encode(event);
      const { body, cost } = this.arena.keep(bytes);
      if (writer !== undefined) setWriter(body, writer);
      const objectType = this.typeOf(object.type);
      return { uuid, timestamp, objectType, cost, body, tailAt, refusal: null, sequence: 0, place: null };
    } catch (error) {
      return refused({ uuid, timestamp }, { reason: reasonOf(error), text: toText(event) });
    }
  }

  amend(prepared: PreparedEvent, event: AuditEvent): PreparedEvent | null {
    const { body: before, tailAt } = prepared;
    if (before === null) return null;
    try {
      const tail = this.encoder.encodeTail(event);
      const { body, cost } = this.arena.allocate(tailAt + tail.length);
      before.copy(body, 0, 0, tailAt);
      tail.copy(body, tailAt);
      body.writeInt32LE(body.length, 0);
      return { ...prepared, objectType: this.typeOf(event.object.type), body, cost };
    } catch {
      return null;
    }
  }

  restore({ body, tailAt, timestamp, sequence }: EventBytes): PreparedEvent {
    try {
      const { uuid } = readHead(body);
      const objectType = this.typeOf(objectTypeIn(body, tailAt));
      const cost = costOf(body.length);
      return { uuid, timestamp, objectType, cost, body, tailAt, refusal: null, sequence, place: null };
    } catch (error) {
      const text = body.toString('base64').slice(0, MOST_TEXT);
      return { ...refused({ uuid: randomUUID(), timestamp }, { reason: reasonOf(error), text }), sequence };
    }
  }
}
