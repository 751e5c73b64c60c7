/** A disk that fails when told to: loaded by `--require` before the library, so that it gets these calls for real ones. */
import fs from 'node:fs';

export interface Disk {
  /** Calls of node:fs (`writeSync,fdatasync`) that fail with this code (`EIO`) from now on; none for ''. */
  fail(calls: string, code: string): void;
  /** How many did. */
  readonly failed: number;
}

const WRITING = ['writeSync', 'writevSync', 'write', 'writev'];
const SYNCING = ['fdatasyncSync', 'fsyncSync', 'fdatasync', 'fsync'];
const OPENING = ['openSync', 'open', 'mkdirSync', 'mkdir'];

type Call = (...args: unknown[]) => unknown;

const state = { failing: new Set<string>(), code: 'EIO', failed: 0 };
const spool = process.env.AUDIT_SPOOL_DIR ?? '';

/** Whether a call is about the spool: by its path, or by the path behind its descriptor. */
function isSpools(target: unknown): boolean {
  if (spool === '') return false;
  if (typeof target === 'string') return target.startsWith(spool);
  try {
    return fs.readlinkSync(`/proc/self/fd/${Number(target)}`).startsWith(spool);
  } catch {
    return false;
  }
}

function failure(name: string): Error {
  state.failed += 1;
  const syscall = name.replace('Sync', '');
  return Object.assign(new Error(`${state.code}: a fault of the test, ${syscall}`), {
    code: state.code,
    errno: -5,
    syscall,
  });
}

function wrap(calls: Record<string, Call>, name: string): void {
  const real = calls[name];
  if (real === undefined) return;
  calls[name] = (...args) => {
    if (!state.failing.has(name) || !isSpools(args[0])) return real(...args);
    const error = failure(name);
    if (name.endsWith('Sync')) throw error;
    const done = args.at(-1) as (error: Error) => void;
    return void setImmediate(() => done(error));
  };
}

/** The same for handles of `fs.promises`, whose methods are on a prototype that only a handle shows. */
async function wrapHandles(): Promise<void> {
  const handle = await fs.promises.open('/dev/null');
  const prototype = Object.getPrototypeOf(handle) as Record<string, Call>;
  const alike: readonly (readonly [string, string])[] = [
    ['write', 'write'],
    ['writev', 'writev'],
    ['sync', 'fsync'],
    ['datasync', 'fdatasync'],
  ];
  for (const [method, call] of alike) {
    const real = prototype[method];
    if (real === undefined) continue;
    prototype[method] = async function (this: { readonly fd: number }, ...args) {
      if (state.failing.has(call) && isSpools(this.fd)) throw failure(call);
      return Reflect.apply(real, this, args);
    };
  }
  await handle.close();
}

for (const name of [...WRITING, ...SYNCING, ...OPENING]) wrap(fs as unknown as Record<string, Call>, name);
void wrapHandles();

const disk: Disk = {
  fail(calls, code) {
    state.failing = new Set(calls.split(',').filter(Boolean));
    state.code = code;
  },
  get failed() {
    return state.failed;
  },
};
Object.assign(globalThis, { disk });
