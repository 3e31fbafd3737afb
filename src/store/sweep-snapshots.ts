import { hasCode } from '../std/index.ts';
import type { CollectOptions, SnapshotSweep } from './collect-options.ts';
import { lookAgain, type Marks } from './marks.ts';
import { lockState } from './state.ts';
import type { Store } from './store.ts';

/**
 * Removes committed snapshots that nothing reaches, children first; `only` narrows it to some. None while a lease lives: nobody can see which of
 * them its holder has found and is about to stand on.
 */
export async function sweepSnapshots(
  store: Store,
  marks: Marks,
  only: ReadonlySet<string> | undefined,
  { snapshots, dryRun = false, signal, report }: CollectOptions,
): Promise<{ removed: string[]; bytes: number }> {
  const removed: string[] = [];
  let bytes = 0;
  if (!snapshots || !marks.reach.chainsKnown) return { removed, bytes };
  const listed = new Map<string, { parent?: string; kind: string }>();
  for await (const { name, ...rest } of snapshots.list()) listed.set(name, rest);

  for (const name of childrenFirst(listed)) {
    if (only && !only.has(name)) continue;
    signal?.throwIfAborted();
    if (isHeld(name, listed, marks.reach.chains)) continue;
    const usage = await usageOf(snapshots, name); // it may walk a tree: not under the lock
    using _lock = await lockState(store.root, 'content');
    const { leased } = await lookAgain(store, marks);
    if (leased || !marks.reach.chainsKnown) break;
    if (isHeld(name, listed, marks.reach.chains)) continue;
    try {
      if (!dryRun) await snapshots.remove(name);
      listed.delete(name);
      removed.push(name);
      bytes += usage;
      report?.({ kind: 'removed', what: 'snapshot', id: name, bytes: usage });
    } catch (error) {
      if (!hasCode(error, 'Conflict') && !hasCode(error, 'NotFound')) throw error;
    }
  }
  return { removed, bytes };
}

async function usageOf(snapshots: SnapshotSweep, name: string): Promise<number> {
  try {
    return (await snapshots.usage?.(name))?.bytes ?? 0;
  } catch (error) {
    if (hasCode(error, 'NotFound')) return 0; // just removed
    throw error;
  }
}

/** Committed snapshots, each after all that stand on it. */
function childrenFirst(listed: ReadonlyMap<string, { parent?: string; kind: string }>): string[] {
  const depth = (name: string): number => {
    let steps = 0;
    for (let at = listed.get(name)?.parent; at !== undefined && steps <= listed.size; at = listed.get(at)?.parent)
      steps++;
    return steps;
  };
  return [...listed]
    .filter(([, { kind }]) => kind === 'committed')
    .map(([name]) => ({ name, depth: depth(name) }))
    .sort((a, b) => b.depth - a.depth)
    .map(({ name }) => name);
}

/** Whether an image names it or a snapshot that stays stands on it. */
function isHeld(name: string, listed: ReadonlyMap<string, { parent?: string }>, chains: ReadonlySet<string>): boolean {
  if (chains.has(name)) return true;
  for (const { parent } of listed.values()) if (parent === name) return true;
  return false;
}
