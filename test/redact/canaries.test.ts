import { EXPRESSES } from '../support/app';
import { type Canary, IN_HEADERS, IN_TEXTS, IN_URLS, KEYED } from './canaries';
import { encodings, get, json, type Subject, startSubject } from './harness';

const CANARIES: readonly Canary[] = [...KEYED, ...IN_TEXTS, ...IN_URLS, ...IN_HEADERS];

describe.each(EXPRESSES)('a secret of a client on %s', (_, express) => {
  let subject: Subject;
  let count = 0;
  const stderr: string[] = [];

  beforeAll(async () => {
    jest.spyOn(process.stderr, 'write').mockImplementation((chunk) => stderr.push(String(chunk)) > 0);
    subject = await startSubject({
      express,
      options: { onError: undefined },
      routes(app) {
        app.get('/reset/:token/confirm', (_req, res) => void res.json({ ok: true }));
        app.get('/files/:name.:token', (_req, res) => void res.json({ ok: true }));
      },
    });
  });
  afterAll(async () => {
    await subject.close();
    jest.restoreAllMocks();
  });

  it.each(CANARIES)('is neither stored nor printed when it comes %s', async (_title, sent) => {
    count += 1;
    const canary = `Canary-${count}-Z9x`;
    const seen = `seen-${count}-seen`;
    const request = sent(canary);
    await subject.send({ ...request, headers: { 'x-seen': seen, ...request.headers } });
    const stored = await subject.storedBytes();
    expect(stored.includes(seen)).toBe(true);
    for (const spelling of [
      canary,
      canary.toLowerCase(),
      Buffer.from(canary).toString('base64').slice(0, 16),
    ]) {
      expect(stored.includes(spelling)).toBe(false);
      expect(stderr.join('')).not.toContain(spelling);
    }
  });

  it.each([
    ['under a key', (n: number) => json({ pin: n })],
    ['beside a name', (n: number) => json({ key: 'otp', val: n })],
    ['in an array under a key', (n: number) => json({ cvv: [1, [n]] })],
    ['in JSON in a string', (n: number) => json({ a: `{"pin":${n}}` })],
    ['in the query', (n: number) => get(`/x?pin=${n}`)],
  ])('is neither stored nor printed as a number %s', async (_title, sent) => {
    count += 1;
    const secret = 730_000_011 + count * 7_919;
    const seen = 610_000_033 + count * 7_919;
    await subject.send(sent(secret));
    await subject.send(json({ seen }));
    const stored = await subject.storedBytes();
    expect(encodings(seen).some((bytes) => stored.includes(bytes))).toBe(true);
    for (const bytes of encodings(secret)) expect(stored.includes(bytes)).toBe(false);
    expect(stderr.join('')).not.toContain(String(secret));
  });

  it('is masked as a boolean under a key', async () => {
    const event = await subject.record(json({ pin: true, token: false, ok: true, auth: null }));
    expect(event.postData).toEqual({ pin: '[REDACTED]', token: '[REDACTED]', ok: true, auth: null });
  });
});
