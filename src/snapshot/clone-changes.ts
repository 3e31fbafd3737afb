import { lstatSync } from 'node:fs';
import type { Change } from '../layer/index.ts';
import { runChore } from './chores.ts';
import type { SnapshotUsage } from './snapshotter.ts';

const BLOCK = 512; // st_blocks counts in these

/** Nanoseconds that the kernel's clock for files may lag behind: a tick, at its slowest 100 a second. */
const TICK = 10_000_000n;

/** Two trees to compare; the upper one began as a clone of the lower one that kept every ctime. */
export interface ClonedTree {
  /** The folder of the snapshot, made before the clone: what has an older ctime was never touched, and is not read. */
  readonly place: string;
  readonly lower: string;
  readonly upper: string;
}

/** What the upper tree changed. */
export async function* cloneChanges({ place, lower, upper }: ClonedTree): AsyncGenerator<Change, void> {
  const { diffTrees } = await import('../layer/index.ts');
  const begun = lstatSync(place, { bigint: true }).birthtimeNs;
  yield* diffTrees(lower, upper, begun > 0n ? { copiedAt: begun - TICK } : {});
}

/** What the upper tree takes beyond the lower one: the files that changed, whole. Without a lower one, all of it. */
export async function cloneUsage({
  place,
  lower,
  upper,
}: Partial<ClonedTree> & { upper: string }): Promise<SnapshotUsage> {
  if (lower === undefined || place === undefined) return await runChore({ kind: 'measure', path: upper });
  const counted = new Set<bigint>();
  let bytes = 0;
  for await (const { source } of cloneChanges({ place, lower, upper })) {
    const file = source === undefined ? undefined : lstatSync(source, { bigint: true, throwIfNoEntry: false });
    if (!file || counted.has(file.ino)) continue;
    counted.add(file.ino);
    bytes += Number(file.blocks) * BLOCK;
  }
  return { bytes, inodes: counted.size };
}
