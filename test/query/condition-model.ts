import { isIP } from 'node:net';
import type { AuditEventFilter, Condition, Sort, StoredEvent } from '../../lib/index';

/** What a filter and a sort must give, said once more: about events in an array. */
type Value = string | number | boolean | null;

function fieldOf(event: StoredEvent, field: string): Value {
  if (field === 'timestamp' || field === 'recordedAt') return event[field].getTime();
  let value: unknown = event;
  for (const key of field.split('.')) value = (value as Record<string, unknown> | null | undefined)?.[key];
  return (value ?? null) as Value;
}

/** An address as a URL spells it: every spelling of one address becomes the same text. */
function plain(field: string, text: string): string {
  if (field !== 'remoteAddr' || isIP(text) !== 6) return text;
  const { hostname } = new URL(`http://[${text}]`);
  const [, high, low] = /^\[::ffff:([0-9a-f]+):([0-9a-f]+)\]$/.exec(hostname) ?? [];
  if (high === undefined || low === undefined) return hostname;
  const bits = Number.parseInt(high, 16) * 65_536 + Number.parseInt(low, 16);
  return [24, 16, 8, 0].map((shift) => (bits >>> shift) & 255).join('.');
}

const lower = (text: string): string => text.toLowerCase();

function holds(event: StoredEvent, condition: Condition): boolean {
  if (condition.op === 'never') return false;
  if (condition.op === 'or') return condition.of.some((one) => holds(event, one));
  if (condition.op === 'and') return condition.of.every((one) => holds(event, one));
  const { field, op, value } = condition;
  const stored = fieldOf(event, field);
  const same = (wanted: unknown): boolean => {
    if (stored === null || wanted === null) return stored === wanted;
    const text = wanted instanceof Date ? String(wanted.getTime()) : String(wanted);
    return plain(field, String(stored)) === plain(field, text);
  };
  if (op === 'eq') return same(value);
  if (op === 'neq') return !same(value);
  if (op === 'in') return value.some(same);
  if (op === 'contains') return stored !== null && lower(String(stored)).includes(lower(value));
  const [a, b] = [Number(stored), Number(value)];
  return { gt: a > b, gte: a >= b, lt: a < b, lte: a <= b }[op];
}

function isVisible(event: StoredEvent, { visibility }: AuditEventFilter): boolean {
  if (visibility !== 'object-level') return true;
  return event.status !== 'intent' && !(event.kind === 'request' && (event.changeCount ?? 0) > 0);
}

/** Nothing comes before something, texts are compared by their UTF-8 bytes. */
function compare(a: Value, b: Value): number {
  if (a === null || b === null) return Number(a !== null) - Number(b !== null);
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  return Buffer.compare(Buffer.from(String(a)), Buffer.from(String(b)));
}

export function filtered(events: readonly StoredEvent[], filter: AuditEventFilter): StoredEvent[] {
  return events.filter(
    (event) => isVisible(event, filter) && filter.where.every((condition) => holds(event, condition)),
  );
}

export function sorted(events: readonly StoredEvent[], sort: Sort): StoredEvent[] {
  const keys = [...sort, { field: 'uuid' as const, descending: sort.at(-1)?.descending ?? true }];
  return [...events].sort((a, b) => {
    for (const { field, descending } of keys) {
      const order = compare(fieldOf(a, field), fieldOf(b, field));
      if (order !== 0) return descending ? -order : order;
    }
    return 0;
  });
}
