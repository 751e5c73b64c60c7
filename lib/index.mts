// One copy for both module systems: an AuditError from `require` is an AuditError from `import`.
export * from './index.js';
