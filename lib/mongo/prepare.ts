import { inspect } from 'node:util';
import type { AuditEvent } from '../event';
import type { PreparedEvent } from '../store';
import { Arena } from './arena';
import { EventEncoder } from './encode-event';
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

/** Encodes events as they come, so that what waits is bytes: little memory, exactly counted, and no garbage. */
export class Preparation {
  private readonly encoder: EventEncoder;
  private readonly arena = new Arena();
  /** Object types by themselves: one may be a slice, which would keep the whole URL in memory that it was cut from. */
  private readonly types = new Map<string, string>();

  constructor(writerId: string) {
    this.encoder = new EventEncoder(writerId);
  }

  private typeOf(type: string): string {
    const known = this.types.get(type);
    if (known !== undefined) return known;
    const own = Buffer.from(type).toString();
    if (this.types.size >= MOST_TYPES) this.types.clear();
    this.types.set(own, own);
    return own;
  }

  prepare(event: AuditEvent): PreparedEvent {
    const { uuid, object } = event;
    const timestamp = event.timestamp.getTime();
    try {
      const { body, cost } = this.arena.keep(this.encoder.encode(event));
      if (typeof object.type !== 'string') throw new TypeError('the type of the object is no text');
      return {
        uuid,
        timestamp,
        objectType: this.typeOf(object.type),
        cost,
        body,
        refusal: null,
        sequence: 0,
      };
    } catch (error) {
      const refusal = { reason: reasonOf(error), text: toText(event) };
      const cost = TEXT_BYTES + refusal.text.length * 2;
      return { uuid, timestamp, objectType: '', cost, body: null, refusal, sequence: 0 };
    }
  }
}
