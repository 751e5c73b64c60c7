import { Schema } from 'mongoose';

const { Mixed } = Schema.Types;
const UUID = Schema.Types.UUID;

const actor = new Schema({ id: String, email: String, name: String, type: String }, { _id: false });
const object = new Schema({ type: { type: String }, id: String }, { _id: false });

/**
 * The stored audit event. Null fields are left out. Events are written by the native driver, never through a
 * model: casting would drop keys of client data.
 */
export const auditEventSchema = new Schema(
  {
    _id: UUID,
    id: Number,
    writer: UUID,
    sequence: Number,
    version: Number,
    timestamp: Date,
    recordedAt: Date,
    kind: String,
    status: String,
    commitId: UUID,
    requestId: String,
    traceId: String,
    spanId: String,
    source: String,
    action: String,
    name: String,
    user: actor,
    onBehalfOf: actor,
    system: Boolean,
    tenant: String,
    object,
    association: Mixed,
    content: Mixed,
    before: Mixed,
    after: Mixed,
    diff: Mixed,
    exact: Boolean,
    partial: Boolean,
    changeCount: Number,
    labels: Mixed,
    error: Mixed,
    method: String,
    url: String,
    route: String,
    host: String,
    queryParams: Mixed,
    postData: Mixed,
    postDataState: String,
    headers: Mixed,
    remoteAddr: String,
    peerAddr: String,
    userAgent: String,
    client: Mixed,
    statusCode: Number,
    durationMs: Number,
    responseBytes: Number,
    outcome: String,
    truncated: [String],
    gap: Mixed,
  },
  { autoIndex: false, autoCreate: false, strict: false, minimize: false },
);

// every list without another filter, newest first; filters without an index of their own walk it
auditEventSchema.index({ timestamp: -1, _id: -1 });
// a tenant's reader: every one of its lists
auditEventSchema.index({ tenant: 1, timestamp: -1, _id: -1 });
// "what did this user do?"
auditEventSchema.index({ 'user.id': 1, timestamp: -1, _id: -1 });
// "what happened to this object?", by its id alone or with its type
auditEventSchema.index({ 'object.id': 1, 'object.type': 1, timestamp: -1, _id: -1 });
// "what came from this address?"
auditEventSchema.index({ remoteAddr: 1, timestamp: -1, _id: -1 });
// one request across services and log files
auditEventSchema.index({ requestId: 1 });
// an intent, its outcome and its changes
auditEventSchema.index({ commitId: 1 });
// integer ids of the APIs, resumes in order of arrival; unique, so that a counter restored from a backup is noticed
auditEventSchema.index({ id: 1 }, { unique: true });
