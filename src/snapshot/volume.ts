import {
  closeSync,
  fsyncSync,
  lstatSync,
  openSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statfsSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { BTRFS_MAGIC, destroySubvolume, SUBVOLUME_INODE, sealSubvolume, unmount } from '../linux/index.ts';
import { isErrno } from '../std/index.ts';
import { destroyThin } from './drivers/thin-device.ts';
import { destroyDataset } from './drivers/zfs-dataset.ts';
import { listMounts } from './mount-table.ts';
import type { MountedVolume, Volume } from './volume-kinds.ts';

const FILE = 'volume';

/** Names the volume of the folder `place`, safe on disk before there is one: what is made can always be found and freed. */
export function noteVolume(place: string, volume: Volume): void {
  const fd = openSync(join(place, FILE), 'wx', 0o600);
  try {
    writeSync(fd, JSON.stringify(volume));
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** The volume of a snapshot; ENOENT where the snapshot is gone. */
export function volumeOf(place: string): Volume {
  return JSON.parse(readFileSync(join(place, FILE), 'utf8')) as Volume;
}

/** Forgets a volume that was never made. */
export function forgetVolume(place: string): void {
  rmSync(join(place, FILE), { force: true });
}

/** Whether a snapshot's folder stands for more than its files. */
export function holdsVolume(place: string): boolean {
  return isSubvolume(join(place, 'fs')) || hasNote(place);
}

/** Frees what a snapshot's folder stands for, before its files are deleted. A second call finds nothing left to do. */
export function releaseVolume(place: string): void {
  const tree = join(place, 'fs');
  if (isSubvolume(tree)) releaseSubvolume(tree);
  if (!hasNote(place)) return;
  let volume: Volume;
  try {
    volume = volumeOf(place);
  } catch (error) {
    if (error instanceof SyntaxError || isErrno(error, 'ENOENT')) return; // torn: it was named first, so none was made
    throw error;
  }
  unmountVolume(volume);
  switch (volume.kind) {
    case 'zfs':
      destroyDataset(volume.dataset);
      break;
    case 'thin':
      destroyThin(volume);
      break;
  }
  try {
    rmdirSync(volume.mountpoint);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
}

/** Unmounts it, wherever this namespace sees it. */
export function unmountVolume({ mountpoint }: MountedVolume): void {
  for (const { target } of listMounts().filter(({ target }) => target === mountpoint)) unmount(target, { lazy: true });
}

/** One call for a whole tree; where it is refused, the files are deleted one by one. */
function releaseSubvolume(tree: string): void {
  try {
    destroySubvolume(tree);
  } catch (error) {
    // Other subvolumes in it, made by what ran there; or this user may not (mount option user_subvol_rm_allowed).
    if (!isErrno(error, 'ENOTEMPTY', 'EPERM', 'EACCES')) throw error;
    sealSubvolume(tree, { readOnly: false });
  }
}

function isSubvolume(tree: string): boolean {
  return lstatSync(tree, { throwIfNoEntry: false })?.ino === SUBVOLUME_INODE && statfsSync(tree).type === BTRFS_MAGIC;
}

function hasNote(place: string): boolean {
  return lstatSync(join(place, FILE), { throwIfNoEntry: false }) !== undefined;
}
