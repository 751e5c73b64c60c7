// Lets a plain Node run these sources, and the library's under its own name: jest's children, without a build.
const Module = require('node:module');
const { resolve } = require('node:path');
const { transformFileSync } = require('@swc/core');

const jsc = { target: 'es2022', parser: { syntax: 'typescript' } };
require.extensions['.ts'] = (module, file) => {
  module._compile(transformFileSync(file, { jsc, module: { type: 'commonjs' } }).code, file);
};
const find = Module._resolveFilename;
Module._resolveFilename = (request, ...rest) =>
  find(request === 'express-audit-events' ? resolve(__dirname, '../../lib/index.ts') : request, ...rest);
