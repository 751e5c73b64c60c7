import type { Actor, AuditEvent, ObjectRef } from '../event';
import { isSecretStart, isSecretValue } from './redact/values';
import { SafeCopies, type SafeCopiesParts } from './safe-copies';
import { LONGEST_SHORT_TEXT } from './short-text';

/** Nothing else in a text that is no secret by its looks makes the redaction look into it. */
const STRUCTURE = /[=%{["]|\/\//;

type Identities = Pick<AuditEvent, 'name' | 'user' | 'onBehalfOf' | 'tenant' | 'object' | 'association'>;
type Visit = (field: string, text: string) => string;

function visitActor(actor: Actor | null, field: string, visit: Visit): Actor | null {
  if (actor === null) return null;
  const { id, email, name, type } = actor;
  const see = (text: string | null): string | null => (text === null ? null : visit(field, text));
  const seen = { id: see(id), email: see(email), name: see(name) };
  return type === undefined ? seen : { ...seen, type: visit(field, type) };
}

function visitObject({ type, id }: ObjectRef, visit: Visit): ObjectRef {
  return { type: visit('object', type), id: visit('object', id) };
}

function visitAll(
  { name, user, onBehalfOf, tenant, object, association }: Identities,
  visit: Visit,
): Identities {
  return {
    name: visit('name', name),
    user: visitActor(user, 'user', visit),
    onBehalfOf: visitActor(onBehalfOf, 'onBehalfOf', visit),
    tenant: tenant === null ? null : visit('tenant', tenant),
    object: visitObject(object, visit),
    association: association && {
      ...association,
      name: visit('association', association.name),
      with: visitObject(association.with, visit),
    },
  };
}

function isSuspect(text: string | null | undefined): boolean {
  if (text === null || text === undefined) return false;
  if (isSecretValue(text) || STRUCTURE.test(text)) return true;
  return text.length >= LONGEST_SHORT_TEXT && isSecretStart(text);
}

function isSuspectActor(actor: Actor | null): boolean {
  if (actor === null) return false;
  return isSuspect(actor.id) || isSuspect(actor.email) || isSuspect(actor.name) || isSuspect(actor.type);
}

function isSuspectObject({ type, id }: ObjectRef): boolean {
  return isSuspect(type) || isSuspect(id);
}

/** Asked of every event, so nothing is built for the answer. */
function holdsSuspect({ name, user, onBehalfOf, tenant, object, association }: Identities): boolean {
  return (
    isSuspect(name) ||
    isSuspectActor(user) ||
    isSuspectActor(onBehalfOf) ||
    isSuspect(tenant) ||
    isSuspectObject(object) ||
    (association !== null && (isSuspect(association.name) || isSuspectObject(association.with)))
  );
}

/**
 * Masks what an app names by mistake: a token in place of an id. All that options, `req.audit` and `record` say
 * passes here, on its way into delivery. A tenant that is masked is nobody's.
 */
export function createIdentityMask(parts: SafeCopiesParts): (event: AuditEvent) => AuditEvent {
  if (parts.settings.dangerouslyRecordSecrets) return (event) => event;
  return function maskIdentities(event) {
    if (!holdsSuspect(event)) return event;
    const copies = new SafeCopies(parts);
    // a copy: what is not over yet passes here again
    return { ...event, ...visitAll(event, (field, text) => copies.identity(field, text)) };
  };
}
