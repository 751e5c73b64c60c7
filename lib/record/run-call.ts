import type { AuditContext } from '../context';
import type { Reporter } from '../errors';
import type { UserInput } from '../options';
import { type HeldChange, type Origin, originate, type Surroundings } from './held-changes';
import type { Intake } from './intake';
import { type Notes, readNotes } from './notes';
import { isProduction } from './request-audit';
import type { Uuid7 } from './uuid';

/** Who does what `audit.run` runs. */
export interface RunAs {
  readonly user?: UserInput | string | number | null;
  readonly tenant?: string | null;
  /** True for what no person did. @default true without a user */
  readonly system?: boolean;
  /** Name of the application or log. @default option `source` */
  readonly source?: string | null;
}

const FIELDS = ['user', 'tenant', 'system', 'source'] as const satisfies (keyof RunAs & keyof Notes)[];
type Told = Pick<Notes, (typeof FIELDS)[number]>;

export interface RunCallParts {
  readonly context: AuditContext<Surroundings>;
  readonly reporter: Reporter;
  readonly uuid7: () => Uuid7;
  readonly intake: Intake;
}

/** A job: what it changes is known to be its own at once, so nothing is held, but within a request. */
class Job implements Surroundings {
  readonly defaults: Partial<Origin>;

  constructor(
    told: Told,
    private readonly parts: RunCallParts,
    private readonly outer: Surroundings | undefined,
  ) {
    const isNamed = told.user !== null && told.user !== undefined;
    if (outer !== undefined) {
      // a person in a job of nobody's
      this.defaults = { ...outer.defaults, ...(isNamed && { system: false }), ...told };
      return;
    }
    const { uuid } = parts.uuid7();
    this.defaults = { commitId: uuid, requestId: uuid, system: !isNamed, ...told };
  }

  hold(change: HeldChange): void {
    if (this.outer === undefined) this.parts.intake.accept(originate(change, this.defaults));
    else this.outer.hold({ ...change, own: { ...this.defaults, ...change.own } });
  }
}

/** Awaited inside of the context: a query of mongoose runs only then. */
async function settle<T>(task: () => T): Promise<Awaited<T>> {
  return await task();
}

/** `audit.run`: what a job or the consumer of a queue does, in the name of somebody. */
export function createRunCall(parts: RunCallParts) {
  function readOrReport(who: unknown): Told {
    try {
      return readNotes('audit.run', 'who runs it', { input: who, fields: FIELDS });
    } catch (error) {
      if (!isProduction()) throw error;
      parts.reporter.error(error as Error);
      return {};
    }
  }

  return function run<T>(who: unknown, task: () => T): Promise<Awaited<T>> {
    const job = new Job(readOrReport(who), parts, parts.context.current);
    return parts.context.run(job, () => settle(task));
  };
}
