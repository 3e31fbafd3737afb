import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { runChore } from './chores.ts';
import type { Snapshot } from './folder.ts';
import type { SnapshotUsage } from './snapshotter.ts';

/** What the tree in `fs/` takes; a view has none of its own. */
export async function treeUsage({ path }: Snapshot): Promise<SnapshotUsage> {
  const tree = join(path, 'fs');
  return existsSync(tree) ? await runChore({ kind: 'measure', path: tree }) : { bytes: 0, inodes: 0 };
}
