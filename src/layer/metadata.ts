import { type BigIntStats, lstatSync } from 'node:fs';
import { chmodFd, chownAt, readXattrs, removeXattr, setXattrFd, utimesAt } from '../linux/index.ts';
import { fsPath, isErrno } from '../std/index.ts';
import { pathAt, statOf } from './open-directories.ts';
import { isKeptXattr, keptXattrs } from './xattrs.ts';

/** What an inode has besides its content. */
export interface Metadata {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Nanoseconds since 1970. */
  readonly mtime: bigint;
  readonly xattrs?: ReadonlyMap<string, Buffer> | undefined;
}

/** Whether owners and devices are written as the layer says, or left to whoever unpacks without privilege. */
export type Ownership = 'exact' | 'ignore';

/** Real path of what the layers below have at a path, no symlink followed on the way. */
export type Lower = (path: string) => string | undefined;

/** What could not be written where the caller lacks the privilege or the file system the feature. */
export interface Skipped {
  devices: number;
  xattrs: number;
}

export function metadataOf(stats: BigIntStats, xattrs: ReadonlyMap<string, Buffer> | undefined): Metadata {
  return {
    mode: Number(stats.mode) & 0o7777,
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    mtime: stats.mtimeNs,
    xattrs: keptXattrs(xattrs),
  };
}

/** Of the directory that lower layers have at `path`; undefined where they have none or something else. */
export function directoryBelow(lower: Lower, path: string): Metadata | undefined {
  const source = lower(path);
  if (source === undefined) return undefined;
  const stats = lstatSync(fsPath(source), { bigint: true });
  return stats.isDirectory() ? metadataOf(stats, readXattrs(source)) : undefined;
}

/** Of an open directory. */
export function readDirectoryMetadata(fd: number): Metadata {
  return metadataOf(statOf(fd), readXattrs(pathAt(fd, '.')));
}

/** Writes all of an open file's or directory's metadata. The kernel drops setuid and capabilities on chown, so they come after it. */
export function writeMetadata(fd: number, metadata: Metadata, ownership: Ownership, skipped: Skipped): void {
  if (ownership === 'exact') chownAt(fd, '', metadata.uid, metadata.gid);
  if (metadata.xattrs) writeXattrs(fd, metadata.xattrs, skipped);
  chmodFd(fd, metadata.mode);
  utimesAt(fd, '', metadata.mtime, metadata.mtime);
}

export function writeXattrs(fd: number, xattrs: ReadonlyMap<string, Buffer>, skipped: Skipped): void {
  for (const [name, value] of xattrs) orSkip(() => setXattrFd(fd, name, value), skipped);
}

/** Runs what writes one attribute; counts it where the kernel does not allow it here. */
export function orSkip(write: () => void, skipped: Skipped): void {
  try {
    write();
  } catch (error) {
    if (!isErrno(error, 'EPERM', 'ENOTSUP', 'EOPNOTSUPP')) throw error;
    skipped.xattrs += 1;
  }
}

/** Takes off an open directory the attributes that a layer would carry, but for `wanted`. */
export function dropXattrs(fd: number, wanted: ReadonlyMap<string, Buffer> | undefined): void {
  const path = pathAt(fd, '.');
  for (const name of readXattrs(path).keys()) if (isKeptXattr(name) && !wanted?.has(name)) removeXattr(path, name);
}
