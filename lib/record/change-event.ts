import type { Association, ObjectRef } from '../event';
import type { ChangeRecorder, ObservedChange } from '../observed-change';
import { blankEvent } from './build-event';
import { actionOfStates, copyStates, TOLD } from './change-copies';
import type { HeldChange } from './held-changes';
import { toObject } from './object';
import type { SafeCopiesParts } from './safe-copies';
import { shortText } from './short-text';
import type { Uuid7 } from './uuid';

/** What an event takes in memory besides its states. */
const EVENT_BYTES = 1_024;

export interface ChangeParts extends SafeCopiesParts {
  readonly uuid7: () => Uuid7;
}

/** A change as its application tells it. */
export interface ToldChange {
  readonly object: ObjectRef;
  readonly before: unknown;
  readonly after: unknown;
}

function change(
  parts: ChangeParts,
  { action, object, ...states }: Omit<ObservedChange, 'exact' | 'partial'>,
): HeldChange {
  const event = blankEvent(parts.uuid7(), 'change', shortText(`${action} ${object.type}`));
  const { bytes, ...copies } = copyStates(parts, states);
  event.action = action;
  event.object = toObject(object);
  event.source = parts.settings.source;
  Object.assign(event, copies);
  return { event, bytes: bytes + EVENT_BYTES, own: { object: event.object } };
}

/** What a write changed, as it was observed. */
export function observedChange(
  parts: ChangeParts,
  { exact, partial, outcome, ...observed }: ObservedChange,
): HeldChange {
  const held = change(parts, observed);
  Object.assign(held.event, { exact, partial, outcome: outcome ?? null });
  return held;
}

/** What the application says has changed: without a state before it was created, without one after deleted. */
export function toldChange(parts: ChangeParts, told: ToldChange): HeldChange {
  return change(parts, { ...told, ...TOLD, action: actionOfStates(told) });
}

/** How many documents a write changed besides those that were recorded one by one. */
export function moreChanges(
  parts: ChangeParts,
  { action, type, count, outcome }: Parameters<ChangeRecorder['recordMore']>[0],
): HeldChange {
  const event = blankEvent(parts.uuid7(), 'change', shortText(`${action} more ${type}`));
  event.action = action;
  event.object = toObject({ type, id: event.uuid });
  event.source = parts.settings.source;
  event.content = { more: count };
  event.outcome = outcome ?? null;
  return { event, bytes: EVENT_BYTES, own: { object: event.object } };
}

/** The object of the request is tied to another one, or parted from it. */
export function associationChange(parts: ChangeParts, association: Association): HeldChange {
  const event = blankEvent(parts.uuid7(), 'change', shortText(`${association.change} ${association.name}`));
  event.action = 'update';
  event.source = parts.settings.source;
  event.association = association;
  return { event, bytes: EVENT_BYTES, own: {} };
}
