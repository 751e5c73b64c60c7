import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { freshUri } from './support/app';
import { blocksOf, problemsOf } from './support/snippets';

const ROOT = resolve(__dirname, '..');
const TOKEN = 'not-a-real-token';
const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');

describe('README.md', () => {
  it('shows code that runs: every block is a region of a file', () => {
    expect(problemsOf(readme, ROOT)).toEqual([]);
    expect(blocksOf(readme).map(({ origin }) => origin)).toContain('examples/minimal.ts#minimal');
  });

  it('begins with an example of at most 25 lines', () => {
    const lines = readFileSync(join(ROOT, 'examples/minimal.ts'), 'utf8').trimEnd().split('\n');
    expect(lines.length).toBeLessThanOrEqual(25);
  });
});

describe('the first example', () => {
  /** Its port may be taken here: it gets any other. */
  async function startMinimal(): Promise<{ server: Server; port: number }> {
    const before = { ...process.env };
    Object.assign(process.env, { MONGODB_URI: freshUri(), AUDIT_TOKEN: TOKEN });
    const listen = Server.prototype.listen;
    const spy = jest.spyOn(Server.prototype, 'listen');
    const started = new Promise<Server>((resolve) => {
      spy.mockImplementation(function (this: Server) {
        resolve(this);
        return Reflect.apply(listen, this, [0, '127.0.0.1']);
      });
    });
    require('../examples/minimal');
    const server = await started;
    spy.mockRestore();
    process.env = before;
    if (!server.listening) await once(server, 'listening');
    return { server, port: (server.address() as AddressInfo).port };
  }

  it('records a request, serves it as the README shows an event, and ends when it is told to', async () => {
    const { server, port } = await startMinimal();
    const base = `http://127.0.0.1:${port}`;
    const greeting = await fetch(`${base}/hello/ann`);
    expect(await greeting.json()).toEqual({ hello: 'ann' });

    const address = `${base}/audit-events/${greeting.headers.get('x-audit-id')}/`;
    const headers = { authorization: `Token ${TOKEN}` };
    let answer = await fetch(address, { headers });
    for (const deadline = Date.now() + 10_000; answer.status !== 200 && Date.now() < deadline; ) {
      answer = await fetch(address, { headers });
    }
    const event = (await answer.json()) as Record<string, unknown>;
    expect(event).toMatchObject({ name: 'GET /hello/:name', status_code: 200, url: `${base}/hello/ann` });

    const shown = blocksOf(readme).find(({ language }) => language === 'json')?.code ?? '';
    expect(Object.keys(JSON.parse(shown)).sort()).toEqual(Object.keys(event).sort());

    const closed = once(server, 'close');
    process.emit('SIGTERM');
    await closed;
  });
});

describe('a code block', () => {
  let root: string;
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), 'snippets-'));
    for (const folder of ['examples', 'lib']) mkdirSync(join(root, folder));
    const code =
      'function f() {\n  // #region body\n\n  one();\n    two();\n  // #endregion\n}\n// #region open\n';
    for (const file of ['examples/a.ts', 'lib/a.ts']) writeFileSync(join(root, file), code);
  });
  afterAll(() => rmSync(root, { recursive: true }));

  const block = (mark: string, code: string, language = 'ts') =>
    `# Title\n\n${mark}\n\`\`\`${language}\n${code}\n\`\`\`\n`;

  it.each([
    ['that equals its region', block('<!-- snippet: examples/a.ts#body -->', 'one();\n  two();')],
    ['of a shell', block('Run', 'npm start', 'sh')],
    ['of no language', block('', 'anything', '')],
  ])('%s is fine', (_, markdown) => {
    expect(problemsOf(markdown, root)).toEqual([]);
  });

  it.each([
    ['without a comment', block('', 'one();'), 'has no comment'],
    ['of JavaScript without one', block('', 'one();', 'js'), 'has no comment'],
    [
      'whose comment is a line too early',
      block('<!-- snippet: examples/a.ts#body -->\n', 'one();'),
      'has no comment',
    ],
    [
      'that differs',
      block('<!-- snippet: examples/a.ts#body -->', 'one();\ntwo();'),
      'differs from the region body',
    ],
    ['of an unknown file', block('<!-- snippet: examples/b.ts#body -->', 'one();'), 'does not exist'],
    ['of an unknown region', block('<!-- snippet: examples/a.ts#soul -->', 'one();'), 'has no region soul'],
    ['of a region without end', block('<!-- snippet: examples/a.ts#open -->', ''), 'has no region open'],
    [
      'of a file that nothing runs',
      block('<!-- snippet: lib/a.ts#body -->', 'one();\n  two();'),
      'which nothing runs',
    ],
  ])('%s is named with its line', (_, markdown, problem) => {
    const [found, ...others] = problemsOf(markdown, root);
    expect(others).toEqual([]);
    expect(found).toMatch(/block at line \d+ /);
    expect(found).toContain(problem);
  });
});
