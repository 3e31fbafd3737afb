import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { createSubvolume, MountFlag, mount, sealSubvolume, snapshotSubvolume } from '../../linux/index.ts';
import type { Digest } from '../../oci/index.ts';
import { cloneChanges, cloneUsage } from '../clone-changes.ts';
import { snapshotterOf } from '../compose.ts';
import type { Driver, Filling } from '../driver.ts';
import { emptyTree } from '../empty-tree.ts';
import { openFolder, type Snapshot, type SnapshotFolder } from '../folder.ts';
import { listBinds } from '../mount-table.ts';
import type { Snapshotter } from '../snapshotter.ts';

/** Every snapshot a whole tree (`fs/`) that is a subvolume, begun as a snapshot of its parent's: the file system shares what is equal. A view is its parent's tree itself. */
export function btrfsDriver(root: string): Snapshotter {
  const folder = openFolder(root, 'btrfs');

  const treeOf = ({ path, record }: Snapshot): string =>
    record.view && record.chain[0] ? treeIn(folder, record.chain[0]) : join(path, 'fs');

  const driver: Driver = {
    name: 'btrfs',
    unpack: (filling) => unpackSubvolume(folder, filling),
    async prepare(place, chain, { view }) {
      if (!view) makeSubvolume(folder, place, chain);
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
      const [parent] = record.chain;
      const lower = parent ? treeIn(folder, parent) : emptyTree(folder);
      yield* cloneChanges({ place: path, lower, upper: join(path, 'fs') });
    },
    async usage({ path, record }) {
      if (record.view) return { bytes: 0, inodes: 0 };
      const [parent] = record.chain;
      return await cloneUsage({
        place: path,
        upper: join(path, 'fs'),
        ...(parent && { lower: treeIn(folder, parent) }),
      });
    },
    publishing() {},
    settled: (place) => sealSubvolume(join(place, 'fs')),
    removed() {},
  };
  return snapshotterOf(folder, driver);
}

async function unpackSubvolume(folder: SnapshotFolder, { place, layer, chain }: Filling): Promise<{ bottom: boolean }> {
  const { unpackLayer } = await import('../../layer/index.ts');
  const { blob: file, diffID, toc, signal, report } = layer;
  const root = makeSubvolume(folder, place, await chain()); // the blob grows meanwhile
  await unpackLayer({
    file,
    root,
    form: 'merged',
    diffID,
    ...(toc !== undefined && { toc }),
    ...(signal && { signal }),
    ...(report && { report }),
  });
  sealSubvolume(root);
  return { bottom: true }; // a whole tree: nobody looks further down
}

/** The tree of a new snapshot: its parent's, or an empty one. */
function makeSubvolume(folder: SnapshotFolder, place: string, [parent]: readonly Digest[]): string {
  const tree = join(place, 'fs');
  if (parent) {
    snapshotSubvolume(treeIn(folder, parent), tree);
  } else {
    createSubvolume(tree);
    chmodSync(tree, 0o755); // whatever the umask
  }
  return tree;
}

function treeIn(folder: SnapshotFolder, name: Digest): string {
  return join(folder.path, name, 'fs');
}
