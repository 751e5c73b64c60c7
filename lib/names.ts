/**
 * The names that your application uses, for the compiler to know: merge into it, and a wrong name is an error. What is
 * not told is any string.
 *
 * ```ts
 * declare module 'express-audit-events' {
 *   interface AuditNames {
 *     name: 'UserInvited' | 'InvoiceSent';
 *     object: 'users' | 'invoices';
 *     association: 'roles';
 *   }
 * }
 * ```
 */
// biome-ignore lint/suspicious/noEmptyInterface: users merge into it
export interface AuditNames {}

/** The app's own verbs: `req.audit.name`, `audit.record`, option `name`. */
export type EventName = AuditNames extends { name: infer Name extends string } ? Name : string;

/** Types of objects: `req.audit.object`, `change`, `audit.record`. */
export type ObjectType = AuditNames extends { object: infer Type extends string } ? Type : string;

/** What ties objects together: `req.audit.associated`, `disassociated`. */
export type AssociationName = AuditNames extends { association: infer Name extends string } ? Name : string;
