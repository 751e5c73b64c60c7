/** Where a walk stands in the tree of configured paths. */
export interface PathNode {
  readonly isEnd: boolean;
  readonly members: ReadonlyMap<string, PathNode>;
  readonly any: PathNode | null;
}

export const NO_PATHS: readonly PathNode[] = [];

const STEP = /([^.[\]"]+)|\[\*\]|\[(\d+)\]|\["([^"]+)"\]|\['([^']+)'\]/g;
const BRACKETS = /[[\]]+/;
const INDEX = /^\d+$/;

interface Draft {
  isEnd: boolean;
  members: Map<string, Draft>;
  any: Draft | null;
}

const createDraft = (): Draft => ({ isEnd: false, members: new Map(), any: null });

function child(draft: Draft, key: string): Draft {
  if (key === '*') {
    draft.any ??= createDraft();
    return draft.any;
  }
  const existing = draft.members.get(key) ?? createDraft();
  draft.members.set(key, existing);
  return existing;
}

function stepsOf(path: string): string[] {
  const steps = Array.from(path.matchAll(STEP), ([step, name, index, double, single]) =>
    step === '[*]' ? '*' : (name ?? index ?? double ?? single ?? ''),
  );
  // names of headers have no case; Node gives them in lower case
  return steps[0] === 'headers' ? steps.map((step, i) => (i === 1 ? step.toLowerCase() : step)) : steps;
}

/** Compiles paths in pino's syntax (`a.b`, `a["b-c"]`, `a[*].b`, `a.*`) into one tree. Null when there are none. */
export function compilePaths(paths: readonly string[]): PathNode | null {
  if (paths.length === 0) return null;
  const root = createDraft();
  for (const path of paths) {
    let draft = root;
    for (const step of stepsOf(path)) draft = child(draft, step);
    draft.isEnd = true;
  }
  return root;
}

function stepOnce(nodes: readonly PathNode[], key: string): readonly PathNode[] {
  const next: PathNode[] = [];
  for (const node of nodes) {
    const named = node.members.get(key);
    if (named !== undefined) next.push(named);
    if (node.any !== null) next.push(node.any);
  }
  return next;
}

/** Through a bracketed name, key by key; where a path ends on the way, all below it is hidden. */
function stepThrough(nodes: readonly PathNode[], name: string): readonly PathNode[] {
  const ends: PathNode[] = [];
  let reached = nodes;
  for (const key of name.split(BRACKETS)) {
    if (key === '') continue;
    reached = stepOnce(reached, key);
    ends.push(...reached.filter((node) => node.isEnd));
  }
  return [...reached, ...ends];
}

/**
 * The nodes that a walk reaches by one more key; several, since `*` and a name may both match. A parser of flat
 * forms leaves `user[ssn]` as it is, and means what the path `user.ssn` means.
 */
export function step(nodes: readonly PathNode[], key: string): readonly PathNode[] {
  if (nodes.length === 0) return NO_PATHS;
  const next = stepOnce(nodes, key);
  return key.includes('[') ? [...next, ...stepThrough(nodes, key)] : next;
}

/** Repeated, a parameter may become an item of a list. */
function isEndOrItem(node: PathNode): boolean {
  if (node.isEnd || node.any?.isEnd === true) return true;
  for (const [key, member] of node.members) if (INDEX.test(key) && member.isEnd) return true;
  return false;
}

/** Whether a path hides the parameter of this name in a query or form: `user[ssn]` is what `user.ssn` names. */
export function hidesName(nodes: readonly PathNode[], name: string): boolean {
  return nodes.length > 0 && step(nodes, name).some(isEndOrItem);
}
