import type { AuditEvent } from '../../lib/index';
import { blankEvent } from '../../lib/record/build-event';
import { ChangeHolds, type HeldChange } from '../../lib/record/held-changes';

const UUID = '01890a5d-ac96-774b-bcce-b302099a8057';
const IDS = { commitId: UUID, requestId: 'r1' };

function held(bytes = 100): HeldChange {
  return { event: blankEvent({ uuid: UUID, timestamp: 0 }, 'change', 'a'), bytes, own: {} };
}

describe('held changes', () => {
  let accepted: AuditEvent[];
  let errors: Error[];
  let holds: ChangeHolds;

  beforeEach(() => {
    jest.useFakeTimers();
    accepted = [];
    errors = [];
    const reporter = { error: (error: Error) => errors.push(error), once: () => {}, dropped: () => {} };
    const accept = (event: AuditEvent) => void accepted.push(event);
    const intake = { accept, keepsOpen: false, open: () => null };
    holds = new ChangeHolds({ reporter, intake, maxBytes: 1_000 });
  });
  afterEach(() => jest.useRealTimers());

  it('wait for the end of their request, for 5 seconds at most, counted from the first', () => {
    const hold = holds.open(IDS, () => ({ tenant: 'acme' }));
    hold.hold(held());
    jest.advanceTimersByTime(4_000);
    hold.hold(held());
    expect(accepted).toEqual([]);
    jest.advanceTimersByTime(1_000);
    expect(accepted).toMatchObject([{ tenant: 'acme' }, { tenant: 'acme' }]);
    expect(jest.getTimerCount()).toBe(0);
    hold.end();
    expect(accepted).toHaveLength(2);
  });

  it('take no more memory than all requests together may', () => {
    const [one, other] = [holds.open(IDS, () => ({})), holds.open(IDS, () => ({}))];
    one.hold(held(600));
    other.hold(held(500));
    expect(accepted).toHaveLength(1);
    other.hold(held(300));
    expect(accepted).toHaveLength(1);
    one.end();
    other.end();
    expect(accepted).toHaveLength(3);
  });

  it('are recorded where their request cannot be read', () => {
    const hold = holds.open(IDS, () => {
      throw new Error('no');
    });
    hold.hold(held());
    hold.end();
    expect(accepted).toMatchObject([IDS]);
    expect(errors).toMatchObject([{ code: 'AUDIT_CAPTURE_FAILED' }]);
  });

  it('wait no more once all is closed', () => {
    const hold = holds.open(IDS, () => ({}));
    hold.hold(held());
    holds.close();
    hold.hold(held());
    expect(accepted).toHaveLength(2);
    expect(jest.getTimerCount()).toBe(0);
  });
});
