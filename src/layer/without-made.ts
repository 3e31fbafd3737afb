import type { Change } from './toc.ts';

/**
 * Leaves out `made` paths, and folders that changed only because one was made in them: such a folder is told when something else below it is.
 * `changes` names folders before what is in them.
 */
export async function* withoutMade(changes: AsyncIterable<Change>, made: readonly string[]): AsyncGenerator<Change> {
  const stubs = new Set(made.map((path) => path.replace(/^\/+/, '')));
  const parents = new Set([...stubs].flatMap(ancestorsOf));
  let waiting: Change[] = []; // each inside the one before
  for await (const change of changes) {
    waiting = waiting.filter(({ path }) => path === '' || change.path.startsWith(`${path}/`));
    if (stubs.has(change.path)) continue;
    if (change.kind === 'modify' && parents.has(change.path)) {
      waiting.push(change);
      continue;
    }
    yield* waiting;
    waiting = [];
    yield change;
  }
}

/** `a/b/c` is in `a/b`, `a` and the root. */
function ancestorsOf(path: string): string[] {
  const parts = path.split('/');
  return parts.map((_part, index) => parts.slice(0, index).join('/'));
}
