import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { createAudit } from '../../lib/index';
import { freshUri } from '../support/app';

const ROOT = resolve(__dirname, '../..');
const DOWN = 'mongodb://127.0.0.1:1/x?serverSelectionTimeoutMS=100';

/** Lets a plain Node run the library's sources. */
const PRELUDE = `
  require.extensions['.ts'] = (module, file) => {
    const jsc = { target: 'es2022', parser: { syntax: 'typescript' } };
    const options = { jsc, module: { type: 'commonjs' } };
    module._compile(require('@swc/core').transformFileSync(file, options).code, file);
  };
  const { createAudit } = require('./lib/index.ts');
  const [up, down] = [process.argv[1], process.argv[2]];
`;

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a process of its own to its own end; it is killed when it does not come. */
function run(script: string): Promise<Ended> {
  const args = ['-e', `${PRELUDE}(async () => {${script}})();`, freshUri(), DOWN];
  return new Promise((done) => {
    execFile(process.execPath, args, { cwd: ROOT, timeout: 20_000 }, (error, stdout, stderr) => {
      done({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr });
    });
  });
}

describe('a process', () => {
  it.each([
    [
      'has closed its audit',
      `const audit = createAudit({ mongo: up });
       audit.record({ name: 'Noted' });
       console.log(JSON.stringify(await audit.close()));`,
      '{"pending":0}',
    ],
    [
      'has closed its audit at once',
      `console.log(JSON.stringify(await createAudit({ mongo: up }).close()));`,
      '{"pending":0}',
    ],
    [
      'has closed its audit, while it was looking for MongoDB',
      `const patient = down.replace('=100', '=60000');
       const audit = createAudit({ mongo: patient, onError() {}, onDrop() {} });
       audit.record({ name: 'Noted' });
       console.log(JSON.stringify(await audit.close({ deadlineMs: 50 })));`,
      '{"pending":1}',
    ],
    [
      'lets go of an audit whose MongoDB is down',
      `const audit = createAudit({ mongo: down, onError() {} });
       audit.record({ name: 'Noted' });
       console.log('let go');`,
      'let go',
    ],
    [
      'lets go of an audit at level spool whose MongoDB is down',
      `const directory = require('node:fs').mkdtempSync(require('node:os').tmpdir() + '/spool-');
       const audit = createAudit({ mongo: down, onError() {}, durability: 'spool', spool: { directory, minFreeBytes: 0 } });
       audit.record({ name: 'Noted' });
       setTimeout(() => console.log(audit.stats().pending), 100);
       process.on('exit', () => require('node:fs').rmSync(directory, { recursive: true }));`,
      '1',
    ],
    [
      'gives callbacks that reject',
      `const fail = async () => { throw new Error('mine'); };
       const audit = createAudit({ mongo: down, onError: fail, onDrop: fail });
       audit.record({ name: 'Noted' });
       console.log(JSON.stringify(await audit.close({ deadlineMs: 300 })));`,
      '{"pending":1}',
    ],
  ])('that %s ends by itself, and well', async (_, script, said) => {
    const { code, stdout, stderr } = await run(script);
    expect({ code, stdout: stdout.trim(), stderr }).toMatchObject({ code: 0, stdout: said });
  });

  it('that awaits a flush lives until it is over', async () => {
    const { code, stdout } = await run(
      `const audit = createAudit({ mongo: down, onError() {}, onDrop() {} });
       audit.record({ name: 'Noted' });
       console.log(JSON.stringify(await audit.flush({ deadlineMs: 1500 })));`,
    );
    expect({ code, stdout: stdout.trim() }).toEqual({ code: 0, stdout: '{"pending":1}' });
  });

  it('gets no signal handler, and none for its end or its errors', async () => {
    const events = [
      'SIGINT',
      'SIGTERM',
      'SIGHUP',
      'exit',
      'beforeExit',
      'uncaughtException',
      'unhandledRejection',
    ];
    const counts = (): number[] => events.map((event) => process.listenerCount(event));
    const before = counts();
    const audit = createAudit({ mongo: freshUri() });
    audit.middleware();
    await audit.ready();
    audit.record({ name: 'Noted' });
    await audit.flush();
    expect(counts()).toEqual(before);
    await audit.close();
    expect(counts()).toEqual(before);
  });
});
