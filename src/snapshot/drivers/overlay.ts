import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { listXattrs } from '../../linux/index.ts';
import { snapshotterOf } from '../compose.ts';
import type { Filling } from '../driver.ts';
import { openFolder, type SnapshotFolder } from '../folder.ts';
import type { Snapshotter } from '../snapshotter.ts';
import { treeUsage } from '../tree-usage.ts';
import { inUserNamespace } from '../user-namespace.ts';
import { lowersOf, noteRootXattrs, stackDriver } from './overlay-stack.ts';

/**
 * Layers as the kernel's overlayfs takes them: each a folder of its own (`fs/`), with whiteouts and opaque marks as overlay writes
 * them, so that a layer unpacks before the ones below it are there.
 */
export function overlayDriver(root: string): Snapshotter {
  const folder = openFolder(root, 'overlay');
  const unpack = (filling: Filling): Promise<{ bottom: boolean }> => unpackLayerFolder(folder, filling);
  return snapshotterOf(folder, stackDriver(folder, { unpack, usage: treeUsage, ready() {} }));
}

/** Unpacks a layer as a tree of its own, whatever lies below it. */
export async function unpackLayerFolder(
  folder: SnapshotFolder,
  { place, layer, chain }: Filling,
): Promise<{ bottom: boolean }> {
  const { lowerLookup, settleLayer, unpackLayer } = await import('../../layer/index.ts');
  const root = join(place, 'fs');
  mkdirSync(root);
  chmodSync(root, 0o755); // what a root has that no layer speaks of
  const { blob: file, diffID, toc, signal, report } = layer;
  const { opaque, pending } = await unpackLayer({
    file,
    root,
    form: 'overlay',
    userXattr: inUserNamespace(),
    diffID,
    ...(toc !== undefined && { toc }),
    ...(signal && { signal }),
    ...(report && { report }),
  });
  settleLayer(root, pending, lowerLookup(lowersOf(folder, await chain())));
  noteRootXattrs(place, listXattrs(root));
  return { bottom: opaque }; // the kernel heeds no such mark on the root of a lower: the stack itself must end there
}
