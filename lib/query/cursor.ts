import { createHash } from 'node:crypto';
import { BadParameter } from './dialect';
import type { AuditEventFilter, Position } from './filter';

const VERSION = 2;
const LONGEST_CURSOR = 256;
const BINDING_CHARS = 16;
/** Beyond it there is no date in JavaScript, on either side. */
const LATEST_DATE = 8.64e15;
const UUID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';
const TEXT = new RegExp(`^(\\d+) (after|before) (-?\\d{1,16}) (${UUID}) (\\d{1,16}) ([\\w-]+)$`);

/** What a cursor belongs to: the same filter in the same direction, or it would lead astray. */
export interface CursorBinding {
  readonly dialect: string;
  readonly filter: AuditEventFilter;
  readonly descending: boolean;
}

function bindingOf({ dialect, filter, descending }: CursorBinding): string {
  const text = JSON.stringify([dialect, filter.where, filter.visibility ?? 'all', descending]);
  return createHash('sha256').update(text).digest('base64url').slice(0, BINDING_CHARS);
}

/** The opaque text of a position; null for none. */
export function writeCursor(position: Position | null, binding: CursorBinding): string | null {
  if (position === null) return null;
  const { side, timestamp, uuid, until } = position;
  const text = `${VERSION} ${side} ${timestamp} ${uuid} ${until} ${bindingOf(binding)}`;
  return Buffer.from(text).toString('base64url');
}

/**
 * The position of a cursor that an earlier answer of the same list gave.
 *
 * @throws {BadParameter} for any other text
 */
export function readCursor(
  parameter: string,
  cursor: string,
  side: Position['side'],
  binding: CursorBinding,
): Position {
  const fail = (reason: string): BadParameter =>
    new BadParameter(parameter, `${reason} Start again without a cursor.`);
  const bytes = cursor.length <= LONGEST_CURSOR ? Buffer.from(cursor, 'base64url') : Buffer.alloc(0);
  const text = bytes.toString('latin1');
  const [, version, given, timestamp, uuid = '', until, bound] = TEXT.exec(text) ?? [];
  // also what decodes to the same bytes by another spelling is none that was given out
  const isOurs = version === String(VERSION) && bytes.toString('base64url') === cursor;
  const position = { side, timestamp: Number(timestamp), uuid, until: Number(until) };
  if (!isOurs || !(Math.abs(position.timestamp) <= LATEST_DATE) || !Number.isSafeInteger(position.until))
    throw fail('Must be a cursor of an earlier answer.');
  if (given !== side) throw fail(`Must be the ${parameter} of an earlier answer.`);
  if (bound !== bindingOf(binding))
    throw fail('Must be used with the filters and the direction it was given for.');
  return position;
}
