// Compiled, never run: names that were told to the compiler.
import type { Request } from 'express';
import { type Audit, createAudit } from 'express-audit-events';

declare module 'express-audit-events' {
  interface AuditNames {
    name: 'UserInvited' | 'InvoiceSent';
    object: 'users' | 'invoices';
    association: 'roles';
  }
}

export const right = [
  (req: Request) => req.audit.name('UserInvited').object('users', 1),
  (req: Request) => req.audit.change({ type: 'invoices', id: 1, after: { paid: true } }),
  (req: Request) => req.audit.associated('roles', { type: 'users', id: 1 }),
  (audit: Audit) => audit.record({ name: 'InvoiceSent', object: { type: 'invoices', id: 1 } }),
  (audit: Audit) => audit.changes({ type: 'users' }),
  () => createAudit({ mongo: '', name: (req) => (req.path === '/' ? 'UserInvited' : null) }),
] as const;

export const wrong = [
  // @ts-expect-error no such name
  (req: Request) => req.audit.name('UserInvitd'),
  // @ts-expect-error no such object
  (req: Request) => req.audit.object('user', 1),
  // @ts-expect-error no such object
  (req: Request) => req.audit.change({ type: 'invoice', id: 1, after: {} }),
  // @ts-expect-error no such association
  (req: Request) => req.audit.associated('role', { type: 'users', id: 1 }),
  // @ts-expect-error no such object
  (req: Request) => req.audit.disassociated('roles', { type: 'user', id: 1 }),
  // @ts-expect-error no such name
  (audit: Audit) => audit.record({ name: 'InvoiceSend' }),
  // @ts-expect-error no such object
  (audit: Audit) => audit.record({ name: 'InvoiceSent', object: { type: 'invoice', id: 1 } }),
  // @ts-expect-error no such object
  (audit: Audit) => audit.changes({ type: 'user' }),
  (audit: Audit) =>
    audit.record({
      name: 'InvoiceSent',
      // @ts-expect-error no such association
      association: { name: 'role', change: 'associated', with: { type: 'users', id: 1 } },
    }),
  // @ts-expect-error no such name
  () => createAudit({ mongo: '', name: () => 'UserInvitd' }),
] as const;
