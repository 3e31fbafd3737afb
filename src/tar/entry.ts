/** Kinds of members that a layer may hold; POSIX typeflags 0 and 7, 5, 2, 1, 3, 4, 6. */
export type TarType = 'file' | 'directory' | 'symlink' | 'hardlink' | 'character' | 'block' | 'fifo';

/** A run of data in a sparse file, in bytes of the file. */
export interface SparseRun {
  readonly offset: number;
  readonly length: number;
}

/** One member of a tar archive, pax and GNU extensions applied. Names are as in the archive: nothing here trusts or cleans them. */
export interface TarEntry {
  /** As `decodeName` of `std` gives it; a trailing slash kept. */
  readonly name: string;
  readonly type: TarType;
  /** The low twelve bits: permissions, setuid, setgid, sticky. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly userName: string;
  readonly groupName: string;
  /** Bytes of the file itself, holes included; 0 for all but files. */
  readonly size: number;
  /** Nanoseconds since 1970. */
  readonly mtime: bigint;
  /** Target of a symlink, or the earlier name of a hard link, as in the archive. */
  readonly linkName?: string;
  readonly device?: { readonly major: number; readonly minor: number };
  /** From `SCHILY.xattr.*` (and `LIBARCHIVE.xattr.*`): full names to binary values. */
  readonly xattrs?: ReadonlyMap<string, Buffer>;
  /** Runs of data of a sparse file in order; the stored data is these runs one after the other. */
  readonly sparse?: readonly SparseRun[];
}

/** Where a member lies in its archive, in bytes of the uncompressed tar. */
export interface TarPosition {
  /** Of the first header that belongs to it, pax and GNU headers included. */
  readonly headerOffset: number;
  /** Of its first data byte. */
  readonly dataOffset: number;
  /** Data bytes in the archive, without padding: less than `size` for sparse files. */
  readonly storedSize: number;
}
