import { join } from 'node:path';
import { snapshotterOf } from '../compose.ts';
import type { Driver } from '../driver.ts';
import { openFolder, type Snapshot } from '../folder.ts';
import { fuseMount, mountUnion, type ServedUnion } from '../fuse-server.ts';
import { listMounts } from '../mount-table.ts';
import type { Snapshotter } from '../snapshotter.ts';
import { treeUsage } from '../tree-usage.ts';
import { unpackLayerFolder } from './overlay.ts';
import { lowersOf, stackDriver } from './overlay-stack.ts';

/**
 * Layers and uppers as the overlay driver has them, united by a server of our own over /dev/fuse: for where the kernel's overlayfs is
 * refused, by the kernel or by the file system below.
 */
export function fuseDriver(root: string): Snapshotter {
  const folder = openFolder(root, 'fuse');

  const unionOf = ({ path, record }: Snapshot): ServedUnion => ({
    layers: lowersOf(folder, record.chain).reverse(),
    ...(!record.view && { upper: { path: join(path, 'fs'), work: join(path, 'work') } }),
  });

  const driver: Driver = {
    ...stackDriver(folder, { unpack: (filling) => unpackLayerFolder(folder, filling), usage: treeUsage, ready() {} }),
    mounts: (snapshot) => [fuseMount(snapshot.path, unionOf(snapshot))],
    mount: (snapshot, target) => mountUnion(target, { source: snapshot.path, union: unionOf(snapshot) }),
    leftovers: (place) => listMounts().filter(({ type, source }) => type.startsWith('fuse.') && source === place),
    publishing() {},
    removed() {},
  };
  return snapshotterOf(folder, driver);
}
