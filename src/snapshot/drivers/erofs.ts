import { lstatSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Digest } from '../../oci/index.ts';
import { isDigest } from '../../oci/index.ts';
import { hasCode } from '../../std/index.ts';
import { runChore } from '../chores.ts';
import { snapshotterOf } from '../compose.ts';
import type { Filling } from '../driver.ts';
import { getSnapshot, listNames, openFolder, type Snapshot, type SnapshotFolder } from '../folder.ts';
import { readImageNote, writeImageNote } from '../layer-mount.ts';
import type { Snapshotter, SnapshotUsage } from '../snapshotter.ts';
import { treeUsage } from '../tree-usage.ts';
import { filesOf, layerFolder, makeLayer, markLayersSynced, tocOf } from './erofs-layer.ts';
import { mountChain } from './erofs-mount.ts';
import { lowersOf, noteRootXattrs, stackDriver } from './overlay-stack.ts';

/**
 * Layers of which no file is extracted: each layer's tar lies beside an EROFS image that points into it (`layers/<diffID>/`), and that is mounted
 * on the snapshot's `fs/`, once for all containers, for as long as the snapshot is there; after a start of the machine again when it is needed.
 * What a container commits in place stays the folder that it was.
 */
export function erofsDriver(root: string): Snapshotter {
  const folder = openFolder(root, 'erofs');
  const driver = stackDriver(folder, {
    unpack: (filling) => unpackImage(folder, filling),
    usage: (snapshot) => usageOf(folder, snapshot),
    ready: (chain) => mountChain(folder, chain),
  });
  const snapshots = snapshotterOf(folder, driver);
  return {
    ...snapshots,
    async unpack(name, layer) {
      await snapshots.unpack(name, layer);
      try {
        mountChain(folder, [name]); // the first container need not
      } catch (error) {
        if (!hasCode(error, 'NotFound')) throw error; // removed again already
      }
    },
    async sync() {
      const layers = unsyncedLayers(folder);
      await snapshots.sync();
      const place = join(root, 'layers');
      if (layers.length === 0) return;
      if (statSync(place).dev !== statSync(folder.path).dev) await runChore({ kind: 'sync', path: place });
      markLayersSynced(folder, layers);
    },
  };
}

async function unpackImage(folder: SnapshotFolder, { place, layer, chain }: Filling): Promise<{ bottom: boolean }> {
  const { spilled, inodes, opaque, pending, rootXattrs, size } = await makeLayer(folder, layer);
  const { isSettled, lowerLookup, readTocFile, settledEntries, writeLayerImage } = await import('../../layer/index.ts');
  mkdirSync(join(place, 'fs'), { mode: 0o755 });
  const below = await chain();
  mountChain(folder, below);
  const lower = lowerLookup(lowersOf(folder, below));
  if (isSettled(pending, lower)) {
    noteRootXattrs(place, rootXattrs);
    writeImageNote(place, { own: false, spilled, inodes });
    return { bottom: opaque };
  }
  const toc = await readTocFile(tocOf(folder, layer));
  const files = { ...filesOf(place), tar: filesOf(layerFolder(folder.root, layer.diffID)).tar };
  const own = writeLayerImage(settledEntries(toc?.entries ?? [], lower), { files, tarSize: size });
  noteRootXattrs(place, own.rootXattrs);
  writeImageNote(place, { own: true, spilled: own.spilled, inodes: own.inodes });
  return { bottom: opaque };
}

/** A layer takes what its tar and its images take; several names on one tar count it each. */
async function usageOf(folder: SnapshotFolder, snapshot: Snapshot): Promise<SnapshotUsage> {
  const { path, record } = snapshot;
  const note = isDigest(snapshot.name) ? readImageNote(path) : undefined;
  if (!note || !record.diffID) return treeUsage(snapshot);
  const places = [layerFolder(folder.root, record.diffID), ...(note.own ? [path] : [])];
  const files = places.flatMap((place) => Object.values(filesOf(place)));
  const bytes = files.map((file) => (lstatSync(file, { throwIfNoEntry: false })?.blocks ?? 0) * 512);
  return { bytes: bytes.reduce((sum, one) => sum + one, 0), inodes: note.inodes };
}

function unsyncedLayers(folder: SnapshotFolder): Digest[] {
  return listNames(folder).flatMap((name) => {
    const record = isDigest(name) ? getSnapshot(folder, name)?.record : undefined;
    return record?.synced === false && record.diffID ? [record.diffID] : [];
  });
}
