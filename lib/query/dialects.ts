// every published API, a line each
export { audit } from './dialects/audit';
export { auditEvents } from './dialects/audit-events';
export { auditLogs } from './dialects/audit-logs';
export { history } from './dialects/history';
export { organizationAudit } from './dialects/organization-audit';
