// Compiled, never run, in every TypeScript project: what is wrong must not compile.
import type { Request } from 'express';
import {
  AuditError,
  type AuditErrorCode,
  createAudit,
  jwt,
  type KeptEvent,
  type StoredEvent,
} from 'express-audit-events';

export const misuse = [
  // @ts-expect-error an object has a type and an id
  (req: Request) => req.audit.object('orders'),
  // @ts-expect-error there are four actions
  (req: Request) => req.audit.action('destroy'),
  // @ts-expect-error the id is not for the app to set
  (req: Request) => (req.audit.id = ''),
  // @ts-expect-error without a MongoDB there is no audit
  () => createAudit({ source: 'shop' }),
  // @ts-expect-error an unknown option
  () => createAudit({ mongo: '', tennant: () => 'a' }),
  // @ts-expect-error there are three levels
  () => createAudit({ mongo: '', durability: 'disk' }),
  // @ts-expect-error an intent is safe in one of two places
  () => createAudit({ mongo: '', durability: 'strict', strict: { at: 'memory' } }),
  // @ts-expect-error sizes are numbers of bytes
  () => createAudit({ mongo: '', durability: 'spool', spool: { directory: '', maxBytes: '1 GiB' } }),
  // @ts-expect-error what is in a spool has no id yet
  (event: KeptEvent) => event.id,
  // @ts-expect-error the trail is closed by default
  (audit: ReturnType<typeof createAudit>) => audit.router({}),
  // @ts-expect-error a public key is no secret to sign by
  () => jwt({ key: '', algorithms: ['HS256'] }),
  // @ts-expect-error a token is verified by one thing
  () => jwt({ secret: '', key: '' }),
  // @ts-expect-error of keys that are not known yet the algorithms must be named
  () => jwt({ jwksUri: '' }),
  // @ts-expect-error codes are a closed list
  (error: AuditError) => error.code === 'AUDIT_NO_SUCH_CODE',
  // @ts-expect-error stored events are not to be changed
  (event: StoredEvent) => (event.name = ''),
] as const;

export const isAuditError = (error: unknown): error is AuditError & { code: AuditErrorCode } =>
  error instanceof AuditError;
