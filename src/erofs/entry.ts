import type { SparseRun } from '../tar/index.ts';

export type ErofsType =
  | 'file'
  | 'directory'
  | 'symlink'
  | 'hardlink'
  | 'character'
  | 'block'
  | 'fifo'
  | 'socket'
  | 'whiteout';

/** One name of the tree. Entries of a layer's table of contents are of this shape. */
export interface ErofsEntry {
  /** `usr/bin/env`, as `decodeName` of `std` gives it; the root is ''. */
  readonly path: string;
  /** `whiteout` becomes what overlayfs takes for one: a 0/0 character device. */
  readonly type: ErofsType;
  /** The low twelve bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes of a file, holes included. */
  readonly size: number;
  /** Nanoseconds since 1970. */
  readonly mtime: bigint;
  /** A symlink's target; for a hard link the path of the name whose inode it shares, of any type but directory. */
  readonly link?: string;
  readonly device?: { readonly major: number; readonly minor: number };
  /** Full names to binary values. */
  readonly xattrs?: ReadonlyMap<string, Uint8Array>;
  /** Where a file's bytes lie; without it all of them are zero. */
  readonly data?: ErofsData;
  /** A directory that hides what lower layers have below it: gets overlayfs' mark. */
  readonly opaque?: true;
}

export interface ErofsData {
  /** Which of the image's devices holds it, counted from 0, the default. */
  readonly device?: number;
  /** In bytes from the device's start, a multiple of a block. */
  readonly offset: number;
  /** Runs of data of a sparse file, which lie one after the other from `offset`; {@link isMappable} says whether an image can hold them so. */
  readonly sparse?: readonly SparseRun[];
}
