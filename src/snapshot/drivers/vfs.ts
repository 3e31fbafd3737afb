import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { MountFlag, mount } from '../../linux/index.ts';
import type { Digest } from '../../oci/index.ts';
import { runChore } from '../chores.ts';
import { snapshotterOf } from '../compose.ts';
import type { Driver, Filling } from '../driver.ts';
import { emptyTree } from '../empty-tree.ts';
import { openFolder, type Snapshot, type SnapshotFolder } from '../folder.ts';
import { listBinds } from '../mount-table.ts';
import type { Snapshotter } from '../snapshotter.ts';
import { treeUsage } from '../tree-usage.ts';

/** Every snapshot a whole tree (`fs/`), copied from its parent's: slow, hungry, and at home on any file system. A view is its parent's tree itself. */
export function vfsDriver(root: string): Snapshotter {
  const folder = openFolder(root, 'vfs');

  const treeOf = ({ path, record }: Snapshot): string =>
    record.view && record.chain[0] ? join(folder.path, record.chain[0], 'fs') : join(path, 'fs');

  const driver: Driver = {
    name: 'vfs',
    unpack: (filling) => unpackTree(folder, filling),
    async prepare(place, chain, { view }) {
      if (!view) await copyParent(folder, place, chain);
    },
    mounts: (snapshot) => [
      { type: 'bind', source: treeOf(snapshot), options: snapshot.record.view ? ['bind', 'ro'] : ['bind', 'rw'] },
    ],
    mount(snapshot, target) {
      mount(treeOf(snapshot), target, 'none', MountFlag.bind);
      // The first call of a bind mount heeds no other flag, mount(2).
      if (snapshot.record.view) mount('none', target, 'none', MountFlag.bind | MountFlag.remount | MountFlag.readOnly);
    },
    leftovers: (place) => listBinds(join(place, 'fs')),
    async *changes({ path, record }) {
      if (record.view) return;
      const { diffTrees } = await import('../../layer/index.ts');
      const [parent] = record.chain;
      const lower = parent ? join(folder.path, parent, 'fs') : emptyTree(folder);
      yield* diffTrees(lower, join(path, 'fs'));
    },
    usage: (snapshot) => treeUsage(snapshot),
    publishing() {},
    settled() {},
    removed() {},
  };
  return snapshotterOf(folder, driver);
}

async function unpackTree(folder: SnapshotFolder, { place, layer, chain }: Filling): Promise<{ bottom: boolean }> {
  const { unpackLayer } = await import('../../layer/index.ts');
  const { blob: file, diffID, toc, signal, report } = layer;
  const root = await copyParent(folder, place, await chain(), signal); // the blob grows meanwhile
  await unpackLayer({
    file,
    root,
    form: 'merged',
    diffID,
    ...(toc !== undefined && { toc }),
    ...(signal && { signal }),
    ...(report && { report }),
  });
  return { bottom: true }; // a whole tree: nobody looks further down
}

/** The tree of a new snapshot: its parent's, or an empty one. */
async function copyParent(
  folder: SnapshotFolder,
  place: string,
  [parent]: readonly Digest[],
  signal?: AbortSignal,
): Promise<string> {
  const target = join(place, 'fs');
  mkdirSync(target);
  if (parent) await runChore({ kind: 'copy', path: join(folder.path, parent, 'fs'), target }, { signal });
  else chmodSync(target, 0o755); // whatever the umask
  return target;
}
