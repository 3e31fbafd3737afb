import { lstatSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { BTRFS_MAGIC, destroySubvolume, SUBVOLUME_INODE, sealSubvolume } from '../linux/index.ts';
import { isErrno } from '../std/index.ts';

/**
 * Frees what a snapshot's folder stands for beside its files, before those are deleted: called for whatever is deleted, it is quick
 * where there is nothing. A second call finds nothing left to do.
 */
export function releaseVolume(place: string): void {
  releaseSubvolume(join(place, 'fs'));
}

/** One call for a whole tree; where it is refused, the files are deleted one by one. */
function releaseSubvolume(tree: string): void {
  if (lstatSync(tree, { throwIfNoEntry: false })?.ino !== SUBVOLUME_INODE || statfsSync(tree).type !== BTRFS_MAGIC)
    return;
  try {
    destroySubvolume(tree);
  } catch (error) {
    // Other subvolumes in it, made by what ran there; or this user may not (mount option user_subvol_rm_allowed).
    if (!isErrno(error, 'ENOTEMPTY', 'EPERM', 'EACCES')) throw error;
    sealSubvolume(tree, { readOnly: false });
  }
}
