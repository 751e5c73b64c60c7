import { EXPRESSES } from '../support/app';
import { get, type Subject, startSubject } from './harness';

const AGENT = '{"password":"Android 10; canary9ua Build/QP1A) AppleWebKit/537 Chrome/99 Mobile"}';

describe.each(EXPRESSES)('a secret in a User-Agent on %s', (_, express) => {
  let subject: Subject;
  beforeAll(async () => {
    subject = await startSubject({ express });
  });
  afterAll(() => subject.close());

  it('is masked in the client too', async () => {
    const event = await subject.record(get('/x', { 'user-agent': AGENT }));
    expect(event).toMatchObject({ userAgent: '{"password":"[REDACTED]"}', client: null });
    expect(JSON.stringify(event)).not.toContain('canary9ua');
  });

  it('does not cost the client of the next', async () => {
    const event = await subject.record(get('/x', { 'user-agent': 'curl/8.1 \u00e9' }));
    expect(event.client).toMatchObject({ browser: 'curl 8.1' });
  });
});
