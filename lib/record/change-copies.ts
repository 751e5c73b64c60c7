import { diffStates, type Side } from '../diff';
import { AuditError } from '../errors';
import type { DiffEntry, Json } from '../event';
import { MOST_STATE_BYTES } from '../observed-change';
import { Hidden, toPlain } from '../plain';
import { type Masking, Normaliser } from './normalise';
import type { Redaction } from './redact/redact';
import type { SafeCopiesParts } from './safe-copies';

/** Of a state; one with more of either is not stored. */
const MOST_NODES = 50_000;
const MOST_DEPTH = 90;
/** What the normaliser sets aside for the rest of an event, and for what containers have to say when they are cut. */
const SPARE_BYTES = 64 * 1024;
const MASKED = '[REDACTED]';

/** How states are copied that the application hands in. */
export const TOLD = { masked: [], maxBytes: 256 * 1024 } as const;

/** Without a state before something was created, without one after it was deleted. */
export function actionOfStates(states: Pick<States, 'before' | 'after'>): 'create' | 'update' | 'delete' {
  const { before = null, after = null } = states;
  if (before === null) return 'create';
  return after === null ? 'delete' : 'update';
}

export interface States {
  readonly before: unknown;
  readonly after: unknown;
  /** Dotted paths of what is masked besides secrets. */
  readonly masked: readonly string[];
  readonly maxBytes: number;
}

/** What is stored of a change; a state that is too large is null, and named. */
export interface ChangeCopies {
  readonly before: Json;
  readonly after: Json;
  readonly diff: readonly DiffEntry[] | null;
  readonly truncated: readonly string[];
  /** Upper estimate of all three. */
  readonly bytes: number;
}

type Walk = ReturnType<Redaction['open']>;

/** The redaction of one event, which masks what is hidden by its path too. */
class HidingMask implements Masking<Walk> {
  constructor(private readonly redaction: Redaction) {}

  get longestText(): number {
    return this.redaction.longestText;
  }
  open(section: string): Walk {
    return this.redaction.open(section);
  }
  descend(walk: Walk, key: string): Walk {
    return this.redaction.descend(walk, key);
  }
  hides(walk: Walk, parent: object, key: string, value: unknown): boolean {
    return value instanceof Hidden || this.redaction.hides(walk, parent, key, value);
  }
  isNamed(parent: object): boolean {
    return this.redaction.isNamed(parent);
  }
  censor(value: unknown, path: readonly string[]): Json {
    return this.redaction.censor(value instanceof Hidden ? value.value : value, path);
  }
  text(text: string, path: readonly string[], walk?: Walk): Json {
    return this.redaction.text(text, path, walk);
  }
  key(key: string): ReturnType<Redaction['key']> {
    return this.redaction.key(key);
  }
}

/** A state as it is and as it may be seen; null where there is none, undefined where it does not fit. */
type Copied = { readonly side: Side | null; readonly bytes: number } | undefined;

/**
 * Copies both states of a change, and tells their difference. The difference is found before masking and told in
 * masked values. A state is stored whole or not at all: half of one would be taken for the whole by whoever restores it.
 */
export function copyStates(parts: SafeCopiesParts, states: States): ChangeCopies {
  const masking = new HidingMask(parts.createRedaction());
  const before = copyState(parts, masking, 'before', states);
  const after = copyState(parts, masking, 'after', states);
  const truncated = [
    ...(before === undefined ? ['before'] : []),
    ...(after === undefined ? ['after'] : []),
    ...(before === undefined || after === undefined ? ['diff'] : []),
  ];
  return {
    before: before?.side?.seen ?? null,
    after: after?.side?.seen ?? null,
    diff: before && after ? diffStates(before.side, after.side, { maxNodes: MOST_NODES }) : null,
    truncated,
    bytes: 2 * ((before?.bytes ?? 0) + (after?.bytes ?? 0)),
  };
}

function copyState(
  parts: SafeCopiesParts,
  masking: HidingMask,
  name: 'before' | 'after',
  { [name]: state, masked, maxBytes }: States,
): Copied {
  if (state === null || state === undefined) return { side: null, bytes: 0 };
  const most = Math.min(maxBytes, MOST_STATE_BYTES);
  const raw = toPlain(state, { hidden: masked, maxNodes: MOST_NODES, maxDepth: MOST_DEPTH, maxChars: most });
  if (raw === undefined) return undefined;
  const normaliser = new Normaliser(
    {
      ...parts.settings.limits,
      maxDepth: MOST_DEPTH + 1,
      maxNodes: MOST_NODES + 1,
      maxStringBytes: most,
      maxEventBytes: most + SPARE_BYTES,
    },
    masking,
  );
  const seen = see(parts, name, () => normaliser.section(name, raw));
  if (normaliser.truncated.length > 0 || normaliser.usedBytes > most) return undefined;
  return { side: { raw, seen }, bytes: normaliser.usedBytes };
}

function see({ reporter }: SafeCopiesParts, name: string, copy: () => Json): Json {
  try {
    return copy();
  } catch (cause) {
    const message = `Section '${name}' could not be redacted; it is masked as a whole.`;
    reporter.error(new AuditError('AUDIT_CAPTURE_FAILED', message, { cause }));
    return MASKED;
  }
}
