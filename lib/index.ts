export { applyDiff } from './apply-diff';
export { createAudit } from './audit';
export type {
  Audit,
  AuditStats,
  DeadlineOptions,
  DialectName,
  RecordInput,
  RouterOptions,
} from './audit-interface';
export type { ChangesOptions, ChangesPlugin } from './changes/plugin';
export type { Durability, SpoolOptions, StrictOptions } from './durability';
export { AuditCallError, AuditError, type AuditErrorCode, AuditOptionError } from './errors';
export type {
  Action,
  Actor,
  Association,
  AuditEvent,
  Client,
  DiffEntry,
  DropReason,
  EventError,
  EventKind,
  EventStatus,
  Json,
  ObjectRef,
  Outcome,
  PostDataState,
  StoredEvent,
} from './event';
export type { MetricsOptions, MetricsRegistry } from './metrics';
// whole: only so can users merge into what is in it
export * from './names';
export type {
  AuditOptions,
  Capture,
  CaptureOptions,
  Censor,
  LimitOptions,
  RedactOptions,
  UserInput,
} from './options';
export { type Authenticate, staticTokens } from './query/authenticate';
export type { Reader } from './query/dialect';
export type {
  AuditEventFilter,
  Comparison,
  Condition,
  Page,
  Position,
  Scope,
  Sort,
  SortKey,
  Walk,
} from './query/filter';
export { jwt } from './query/jwt';
export type {
  JwtPublicKey,
  JwtPublicKeyAlgorithm,
  JwtSecretAlgorithm,
} from './query/jwt-keys';
export type {
  JwtClaims,
  JwtKeyOptions,
  JwtKeySetOptions,
  JwtOptions,
  JwtSecretOptions,
} from './query/jwt-options';
export type { OrganizationInfo } from './query/router-options';
export { type KeptEvent, readSpool, type SpooledEvent, type SpooledProcess } from './read-spool';
export type { AttachableServer } from './record/attach';
export type { DeliveryStats, DrainReport } from './record/deliver';
export type { ChangeInput, ObjectInput, RequestAudit } from './record/request-audit';
export type { RunAs } from './record/run-call';
export type { InspectedSegment } from './record/spool/inspect';
export type { EventReader, ReadLimits, WalkedPage } from './store';
