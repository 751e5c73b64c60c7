import { type Action, type AuditEvent, type Gap, SCHEMA_VERSION } from '../event';
import type { Uuid7 } from './uuid';

const ACTIONS: Readonly<Record<string, Action>> = {
  POST: 'create',
  PUT: 'update',
  PATCH: 'update',
  DELETE: 'delete',
};

export function actionOf(method: string): Action {
  return ACTIONS[method] ?? 'access';
}

/** RFC-wise a response below 400 succeeded; what was aborted did not, whatever it had promised. */
export function statusOf(event: Pick<AuditEvent, 'statusCode' | 'outcome'>): 'success' | 'failure' {
  if (event.outcome === 'aborted') return 'failure';
  return event.statusCode !== null && event.statusCode < 400 ? 'success' : 'failure';
}

/** An event that is still being made. */
export type DraftEvent = { -readonly [field in keyof AuditEvent]: AuditEvent[field] };

/** Every field, at the value that says that nothing is known. */
export function blankEvent({ uuid, timestamp }: Uuid7, kind: AuditEvent['kind'], name: string): DraftEvent {
  return {
    uuid,
    version: SCHEMA_VERSION,
    timestamp: new Date(timestamp),
    kind,
    status: 'success',
    commitId: uuid,
    requestId: uuid,
    traceId: null,
    spanId: null,
    source: null,
    action: 'access',
    name,
    user: null,
    onBehalfOf: null,
    system: false,
    tenant: null,
    object: { type: kind, id: uuid },
    association: null,
    content: null,
    before: null,
    after: null,
    diff: null,
    exact: null,
    partial: null,
    changeCount: null,
    labels: {},
    error: null,
    method: null,
    url: null,
    route: null,
    host: null,
    queryParams: null,
    postData: null,
    postDataState: 'absent',
    headers: null,
    remoteAddr: null,
    peerAddr: null,
    userAgent: null,
    client: null,
    statusCode: null,
    durationMs: null,
    responseBytes: null,
    outcome: null,
    truncated: [],
    gap: null,
  };
}

/** The event that declares a loss; it belongs to nobody, so only readers of all tenants see it. */
export function gapEvent(id: Uuid7, run: Gap, source: string | null): AuditEvent {
  const content = { count: run.last - run.first + 1, reason: run.reason };
  const blank = blankEvent(id, 'gap', 'AuditGap');
  return { ...blank, status: 'failure', system: true, source, content, gap: run };
}
