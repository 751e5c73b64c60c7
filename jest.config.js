/** One real MongoDB for the whole run (test/support/global-setup.ts); every test file takes a database of its own. */
module.exports = {
  testEnvironment: 'node',
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { target: 'es2022', parser: { syntax: 'typescript' } }, module: { type: 'commonjs' } },
    ],
    // the driver imports `os` dynamically, which jest's sandbox refuses
    'node_modules/mongodb/lib/runtime_adapters\\.js$': [
      '@swc/jest',
      { jsc: { target: 'es2022', parser: { syntax: 'ecmascript' } }, module: { type: 'commonjs' } },
    ],
    // an ES module, which jest's sandbox imports behind a flag of node's only
    'node_modules/jose/.+\\.js$': [
      '@swc/jest',
      { jsc: { target: 'es2022', parser: { syntax: 'ecmascript' } }, module: { type: 'commonjs' } },
    ],
  },
  transformIgnorePatterns: ['/node_modules/(?!mongodb/lib/runtime_adapters\\.js$|jose/)'],
  modulePathIgnorePatterns: ['<rootDir>/test/pack/projects/'],
  moduleNameMapper: { '^express-audit-events$': '<rootDir>/lib/index.ts' },
  globalSetup: '<rootDir>/test/support/global-setup.ts',
  globalTeardown: '<rootDir>/test/support/global-teardown.ts',
  testTimeout: 30_000,
  maxWorkers: 2,
};
