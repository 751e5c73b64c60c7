import { inspect } from 'node:util';
import { AuditError } from '../../lib/errors';
import { createAudit } from '../../lib/index';
import { createReporter } from '../../lib/report';
import { freshUri } from '../support/app';
import { closeAudits, recordMany, startAudit, until } from './harness';

const SECRET = 'fake-password-of-a-test';
const DOWN = `mongodb://somebody:${SECRET}@127.0.0.1:1/x?serverSelectionTimeoutMS=50`;

/** Keeps what is written to stderr meanwhile. */
function catchStderr(): { readonly lines: string[]; restore(): void } {
  const lines: string[] = [];
  const spy = jest.spyOn(process.stderr, 'write').mockImplementation((text) => {
    lines.push(String(text));
    return true;
  });
  return { lines, restore: () => spy.mockRestore() };
}

let stderr: ReturnType<typeof catchStderr>;

beforeEach(() => {
  stderr = catchStderr();
});
afterEach(async () => {
  await closeAudits();
  // the driver looks for its runtime in the turn after a client was made
  await new Promise(setImmediate);
  stderr.restore();
  jest.restoreAllMocks();
});

describe('without onError and onDrop', () => {
  it('trouble is one line on stderr for each code, and no more within a minute', () => {
    const now = jest.spyOn(performance, 'now').mockReturnValue(0);
    const { error } = createReporter({ onError: null, onDrop: null });
    const tell = (): void => {
      error(new AuditError('AUDIT_STORE_UNAVAILABLE', 'MongoDB is not reachable.'));
      error(new AuditError('AUDIT_INDEXES_FAILED', 'No index.'));
    };
    tell();
    tell();
    expect(stderr.lines).toEqual([
      'express-audit-events: AUDIT_STORE_UNAVAILABLE MongoDB is not reachable.\n',
      'express-audit-events: AUDIT_INDEXES_FAILED No index.\n',
    ]);
    now.mockReturnValue(59_999);
    tell();
    expect(stderr.lines).toHaveLength(2);
    now.mockReturnValue(60_000);
    tell();
    expect(stderr.lines).toHaveLength(4);
  });

  it('dropped events are one line with their number', async () => {
    const audit = createAudit({ mongo: DOWN, limits: { maxQueueEvents: 2 } });
    recordMany(audit, 12);
    await until(() => stderr.lines.some((line) => line.includes('AUDIT_EVENTS_DROPPED')));
    expect(
      stderr.lines.filter((line) => line.includes('10 events could not be kept (queue_full)')),
    ).toHaveLength(1);
    await audit.close({ deadlineMs: 1 });
  });

  it.each([
    ['line breaks', 'a\r\nb\u2028c', 'a b c'],
    ['ANSI escapes', '\u001b[31mred\u009b2J', ' [31mred 2J'],
    ['marks of direction', 'a\u202eb\u2066c\u200fd', 'a b c d'],
    ['the password of a URI', 'at mongodb://u:p%40w@h/x and', 'at mongodb://***@h/x and'],
    ['a password with an @', 'mongodb+srv://u:p@w@h/x', 'mongodb+srv://***@h/x'],
  ])('a line is free of %s', (_, message, shown) => {
    createReporter({ onError: null, onDrop: null }).error(new Error(message));
    expect(stderr.lines).toEqual([`express-audit-events: Error ${shown}\n`]);
  });

  it('a stderr that throws harms nobody', () => {
    jest.spyOn(process.stderr, 'write').mockImplementation(() => {
      throw new Error('EPIPE');
    });
    const { error } = createReporter({ onError: null, onDrop: null });
    expect(() => error(new Error('x'))).not.toThrow();
  });
});

describe('a callback that', () => {
  const failures: readonly (readonly [string, () => unknown])[] = [
    [
      'throws',
      () => {
        throw new Error('mine');
      },
    ],
    ['rejects', () => Promise.reject(new Error('mine'))],
    [
      'rejects by a promise of another library',
      // biome-ignore lint/suspicious/noThenProperty: a thenable is what is meant
      () => ({ then: (_: unknown, reject: (error: Error) => void) => reject(new Error('mine')) }),
    ],
  ];

  it.each(failures)('%s costs no event, and is told once on stderr', async (_, fail) => {
    const audit = createAudit({
      mongo: freshUri(),
      flushIntervalMs: 5,
      onError: fail,
      onDrop: fail,
      limits: { maxQueueEvents: 3 },
    });
    await audit.ready();
    recordMany(audit, 5);
    const { reader } = startAudit({ mongo: DOWN, onError: fail }).audit;
    await expect(reader.safePoint()).rejects.toThrow();
    await until(() => audit.stats().pending === 0);
    recordMany(audit, 1);
    expect(await audit.close()).toEqual({ pending: 0 });
    expect(audit.stats()).toMatchObject({ delivered: 5, dropped: 2 });
    await until(() => stderr.lines.length > 0);
    expect(stderr.lines.join('')).toContain('express-audit-events: option onDrop threw.');
    expect(stderr.lines.join('')).not.toContain('mine');
  });
});

describe('a password in the URI', () => {
  it('is in no error, however deep one looks', async () => {
    const { audit, errors } = startAudit({ mongo: DOWN });
    recordMany(audit, 1);
    await until(() => errors.length >= 2);
    expect(inspect(errors, { depth: 20, showHidden: true })).not.toContain(SECRET);
    expect(errors[0]?.message).toMatch(/^MongoDB cannot be reached \(\w+\); events wait in memory/);
  });

  it.each([
    `mongodb://u:${SECRET}@h:99999999/x`,
    `mongodb://u:${SECRET}@@h/x?nope=1`,
    `mongodb://u:${SECRET}@h/x?authMechanism=NOPE`,
    `mongodb://u:${SECRET}@`,
  ])('is not in the error of one that cannot be parsed: %s', (mongo) => {
    const construct = (): unknown => createAudit({ mongo });
    expect(construct).toThrow(/^Option 'mongo' is wrong: the URI cannot be parsed \(\w+\)\. Percent-encode/);
    try {
      construct();
    } catch (error) {
      expect(inspect(error, { depth: 20, showHidden: true })).not.toContain(SECRET);
    }
  });
});
