import { AuditError, type AuditErrorCode, type Reporter } from './errors';

const QUIET_MS = 60_000;

export interface ReportSinks {
  readonly onError: ((error: Error) => void) | null;
  readonly onDrop: ((reason: string, count: number) => void) | null;
}

/** What moves a terminal's cursor, or turns the direction of a text. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not reach a terminal
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]+/g;
const USER_INFO = /:\/\/[^\s/]*@/g;

/** One line that a terminal shows as it is, and no password of a URI: parts of it may come from afar. */
function toLine(text: string): string {
  const printable = text.replace(UNPRINTABLE, ' ').replace(USER_INFO, '://***@');
  return `express-audit-events: ${printable.slice(0, 1_000)}\n`;
}

/** Calls what the user gave; `onFailure` hears that it threw, or that what it promised failed. */
function call(callback: () => unknown, onFailure: () => void): void {
  try {
    Promise.resolve(callback()).catch(onFailure);
  } catch {
    onFailure();
  }
}

/** Brings trouble to the user's callbacks, else to stderr: there, at most once a minute for each code. */
export function createReporter({ onError, onDrop }: ReportSinks): Reporter {
  const saidAt = new Map<string, number>();
  const said = new Set<AuditErrorCode>();
  const drops = new Map<string, number>();
  let isDropScheduled = false;

  function print(code: string, text: string): void {
    const now = performance.now();
    const before = saidAt.get(code);
    if (before !== undefined && now - before < QUIET_MS) return;
    saidAt.set(code, now);
    try {
      process.stderr.write(toLine(text));
    } catch {
      // a closed stderr must not harm the app
    }
  }

  function error(problem: Error): void {
    const code = problem instanceof AuditError ? problem.code : problem.name;
    if (onError === null) {
      print(code, `${code} ${problem.message}`);
      return;
    }
    const onFailure = (): void => print('onError', `option onError threw while it was told of ${code}.`);
    call(() => onError(problem), onFailure);
  }

  function reportDrops(): void {
    isDropScheduled = false;
    for (const [reason, count] of drops) {
      drops.delete(reason);
      if (onDrop === null) {
        print(
          `dropped:${reason}`,
          `AUDIT_EVENTS_DROPPED ${count} events could not be kept (${reason}); stats() has the total.`,
        );
        continue;
      }
      call(
        () => onDrop(reason, count),
        () => print('onDrop', 'option onDrop threw.'),
      );
    }
  }

  return {
    error,
    once(code, message) {
      if (said.has(code)) return;
      said.add(code);
      error(new AuditError(code, message));
    },
    dropped(reason, count) {
      drops.set(reason, (drops.get(reason) ?? 0) + count);
      if (isDropScheduled) return;
      isDropScheduled = true;
      setImmediate(reportDrops);
    },
  };
}
