import { closeSync, openSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { check, native } from './libc.ts';

// linux/btrfs.h: every one of these takes a structure of 4096 bytes, with the name at its end.
const BTRFS_IOC_SUBVOL_CREATE = 0x5000940e;
const BTRFS_IOC_SNAP_CREATE_V2 = 0x50009417;
const BTRFS_IOC_SNAP_DESTROY = 0x5000940f;
const BTRFS_IOC_SUBVOL_SETFLAGS = 0x4008941a;
const ARGUMENTS = 4096;
/** Where the name begins in `btrfs_ioctl_vol_args` and in `btrfs_ioctl_vol_args_v2`. */
const NAME = 8;
const NAME_V2 = 56;
/** Of `btrfs_ioctl_subvol_getflags`. */
const BTRFS_SUBVOL_RDONLY = 2n;

/** `f_type` of statfs(2) on btrfs, linux/magic.h. */
export const BTRFS_MAGIC = 0x9123683e;
/** The inode number of every subvolume's root, BTRFS_FIRST_FREE_OBJECTID. */
export const SUBVOLUME_INODE = 256;

/** Makes an empty subvolume at `path`, mode 0755 less the umask. */
export function createSubvolume(path: string): void {
  within(dirname(path), (folder) => call(folder, BTRFS_IOC_SUBVOL_CREATE, argumentsFor(basename(path), NAME), path));
}

/** Makes a writable snapshot of the subvolume `from` at `path`. */
export function snapshotSubvolume(from: string, path: string): void {
  within(from, (source) => {
    const made = argumentsFor(basename(path), NAME_V2);
    made.writeBigInt64LE(BigInt(source), 0);
    within(dirname(path), (folder) => call(folder, BTRFS_IOC_SNAP_CREATE_V2, made, path));
  });
}

/** Deletes a subvolume with all that is in it; ENOTEMPTY where that is other subvolumes, EPERM for who may not. */
export function destroySubvolume(path: string): void {
  within(dirname(path), (folder) => call(folder, BTRFS_IOC_SNAP_DESTROY, argumentsFor(basename(path), NAME), path));
}

/** Makes a subvolume read-only, or writable again. */
export function sealSubvolume(path: string, { readOnly = true }: { readOnly?: boolean } = {}): void {
  const flags = Buffer.alloc(8);
  flags.writeBigUInt64LE(readOnly ? BTRFS_SUBVOL_RDONLY : 0n);
  within(path, (subvolume) => call(subvolume, BTRFS_IOC_SUBVOL_SETFLAGS, flags, path));
}

function within(path: string, action: (fd: number) => void): void {
  const fd = openSync(path, 'r');
  try {
    action(fd);
  } finally {
    closeSync(fd);
  }
}

function argumentsFor(name: string, at: number): Buffer {
  const bytes = Buffer.alloc(ARGUMENTS);
  bytes.write(name, at);
  return bytes;
}

function call(fd: number, request: number, argument: Buffer, path: string): void {
  check(native('int ioctl(int, unsigned long, void *)')(fd, request, argument), 'ioctl', path);
}
