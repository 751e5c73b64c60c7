import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AuditOptions } from 'express-audit-events';

type Level = Pick<AuditOptions, 'durability' | 'spool' | 'strict'>;

const LEVELS = ['memory', 'spool', 'strict'] as const;
const PLACES = ['disk', 'mongo'] as const;

/** @throws {Error} naming the variable and what it takes */
function chosen<T extends string>(name: string, known: readonly [T, ...T[]]): T {
  const value = process.env[name] || known[0];
  const found = known.find((one) => one === value);
  if (found === undefined) throw new Error(`${name} must be one of ${known.join(', ')}, not ${value}`);
  return found;
}

/** The level that the environment asks for. */
export function levelOf(): Level {
  const durability = chosen('AUDIT_DURABILITY', LEVELS);
  const at = chosen('AUDIT_STRICT_AT', PLACES);
  if (durability === 'memory') return {};
  // #region durability
  const directory = process.env.AUDIT_SPOOL_DIR || join(tmpdir(), 'audit-spool');
  return { durability, spool: { directory }, strict: { at } };
  // #endregion durability
}
