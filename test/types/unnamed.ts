// Compiled, never run: without names any string is one, and the rest is checked all the same.
import type { Request } from 'express';
import type { Audit } from 'express-audit-events';

const any: string = process.argv[2] ?? '';

export const right = [
  (req: Request) => req.audit.name(any).object(any, 1).change({ type: any, id: 1, before: {} }),
  (req: Request) => req.audit.associated(any, { type: any, id: 1 }),
  (audit: Audit) => audit.record({ name: any, object: { type: any, id: 1 } }),
  async (audit: Audit): Promise<number> => audit.run({ user: 'ada' }, async () => 5),
] as const;

export const wrong = [
  // @ts-expect-error a change has an id
  (req: Request) => req.audit.change({ type: 'users', after: {} }),
  // @ts-expect-error a state is an object
  (req: Request) => req.audit.change({ type: 'users', id: 1, after: 'paid' }),
  // @ts-expect-error an association is with something
  (req: Request) => req.audit.associated('roles'),
  // @ts-expect-error a job is done by somebody
  (audit: Audit) => audit.run(() => 5),
  // @ts-expect-error tenant is misspelt
  (audit: Audit) => audit.run({ tennant: 'acme' }, () => 5),
] as const;
