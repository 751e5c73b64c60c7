/** Where a walk stands in the tree of configured paths. */
export interface PathNode {
  readonly isEnd: boolean;
  readonly members: ReadonlyMap<string, PathNode>;
  readonly any: PathNode | null;
}

const STEP = /([^.[\]"']+)|\[\*\]|\[(\d+)\]|\["([^"]+)"\]|\['([^']+)'\]/g;

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

/** Compiles paths in pino's syntax (`a.b`, `a["b-c"]`, `a[*].b`, `a.*`) into one tree. Null when there are none. */
export function compilePaths(paths: readonly string[]): PathNode | null {
  if (paths.length === 0) return null;
  const root = createDraft();
  for (const path of paths) {
    let draft = root;
    for (const [step, name, index, double, single] of path.matchAll(STEP)) {
      draft = child(draft, step === '[*]' ? '*' : (name ?? index ?? double ?? single ?? ''));
    }
    draft.isEnd = true;
  }
  return root;
}

/** The nodes that a walk reaches by one more key; several, since `*` and a name may both match. */
export function step(nodes: readonly PathNode[], key: string): readonly PathNode[] {
  const next: PathNode[] = [];
  for (const node of nodes) {
    const named = node.members.get(key);
    if (named !== undefined) next.push(named);
    if (node.any !== null) next.push(node.any);
  }
  return next;
}
