import { EXPRESSES } from '../support/app';
import { json, type Subject, startSubject } from './harness';

const KEYS =
  'userpass dbpass smtppass passkey userPasskeys sessid sess_id authkey authcode mnemonic walletMnemonic ' +
  'x-functions-key card_no userCardNo CARDNO testpass2';

describe.each(EXPRESSES)('a secret on %s', (_, express) => {
  let subject: Subject;
  beforeAll(async () => {
    subject = await startSubject({ express });
  });
  afterAll(() => subject.close());

  it.each(KEYS.split(' '))('is masked under the key %s', async (key) => {
    const masked = { [key]: '[REDACTED]' };
    expect((await subject.record(json({ [key]: 'x', a: 1 }))).postData).toEqual({ ...masked, a: 1 });
  });
});
