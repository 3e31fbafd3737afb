import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EngineError, isErrno, randomHex } from '../../std/index.ts';
import { snapshotterOf } from '../compose.ts';
import { openFolder } from '../folder.ts';
import { listMounts, mountAround } from '../mount-table.ts';
import type { Snapshotter } from '../snapshotter.ts';
import { unmountVolume } from '../volume.ts';
import type { ZfsVolume } from '../volume-kinds.ts';
import { type Volumes, volumeDriver } from './volume-driver.ts';
import { destroyDataset, makeDataset, sealDataset, zfs } from './zfs-dataset.ts';

/** Every snapshot a dataset below the one that the state folder lies on, begun as a clone of its parent's. */
export function zfsDriver(root: string): Snapshotter {
  const folder = openFolder(root, 'zfs');
  return snapshotterOf(folder, volumeDriver(folder, zfsVolumes(folder.path)));
}

/** Volumes in a dataset of their own, which the folder `path` remembers. */
function zfsVolumes(path: string): Volumes<ZfsVolume> {
  return {
    driver: 'zfs',
    invent(mounts) {
      const id = randomHex(8);
      return { kind: 'zfs', dataset: `${ensureHome(path)}/${id}`, mountpoint: join(mounts, id) };
    },
    make: (volume, parent) =>
      makeDataset(volume.dataset, { mountpoint: volume.mountpoint, ...(parent && { from: parent.dataset }) }),
    mount: mountDataset,
    seal(volume) {
      unmountVolume(volume);
      sealDataset(volume.dataset);
    },
  };
}

/** A clone may have been mounted as it was made, and a moved state folder mounts elsewhere. */
function mountDataset({ dataset, mountpoint }: ZfsVolume): void {
  if (zfs('get', '-H', '-o', 'value', 'mountpoint', dataset).trim() !== mountpoint) {
    zfs('set', `mountpoint=${mountpoint}`, dataset);
  }
  if (!listMounts().some(({ target }) => target === mountpoint)) zfs('mount', dataset);
}

/** The dataset for all snapshots of a folder, made when it is first needed. */
function ensureHome(path: string): string {
  const memory = join(path, '.dataset');
  try {
    return readFileSync(memory, 'utf8').trim();
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
  const home = `${datasetAround(path)}/strata-${randomHex(4)}`;
  zfs('create', '-o', 'mountpoint=none', '-o', 'canmount=off', home);
  try {
    writeFileSync(memory, `${home}\n`, { mode: 0o600, flag: 'wx', flush: true });
    return home;
  } catch (error) {
    destroyDataset(home);
    if (!isErrno(error, 'EEXIST')) throw error;
    return ensureHome(path); // another process was first
  }
}

/** The dataset that a folder lies on; NotImplemented where that is another file system. */
export function datasetAround(path: string): string {
  const around = mountAround(path);
  if (around && /^(fuse\.)?zfs$/.test(around.type)) return around.source;
  throw new EngineError('NotImplemented', `${path} is not on ZFS: put the state folder on a dataset`);
}
