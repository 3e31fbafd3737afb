/**
 * What a FUSE server serves: inodes, handles, and calls that answer at once. A refused call throws an error in the shape of Node's own,
 * whose `code` the program on the other side sees. Who may do what is decided by the kernel (`default_permissions`). `FileSystem` of `union`
 * is one.
 */
export interface FuseFileSystem<Inode extends FuseInode = FuseInode, Handle extends FuseHandle = FuseHandle> {
  readonly root: Inode;
  lookup(directory: Inode, name: string): Inode | undefined;
  forget(inode: Inode): void;
  getattr(inode: Inode): FuseAttributes;
  setattr(inode: Inode, changes: FuseChanges): FuseAttributes;
  /** Every name but `.` and `..`. */
  readdir(directory: Inode): readonly FuseDirectoryEntry[];
  readlink(inode: Inode): string;

  /** Of `flags` the access mode and O_TRUNC count; positions are the kernel's affair. */
  open(inode: Inode, flags: number): Handle;
  /** Bytes read, less than `into` is long at the end of the file alone. Not for a handle that is {@link FuseHandle.remote}. */
  read(handle: Handle, into: Uint8Array, position: number): number;
  readLater(handle: Handle, into: Uint8Array, position: number): Promise<number>;
  write(handle: Handle, from: Uint8Array, position: number): number;
  allocate(handle: Handle, mode: number, offset: number, length: number): void;
  seek(handle: Handle, offset: number, whence: 'data' | 'hole'): number;
  fsync(handle: Handle, options?: { readonly dataOnly?: boolean }): void;
  fsyncDirectory(directory: Inode): void;
  release(handle: Handle): void;
  /** A descriptor whose bytes are exactly the file's, for FUSE_PASSTHROUGH. */
  descriptor(handle: Handle): number | undefined;

  create(
    directory: Inode,
    name: string,
    flags: number,
    node: FuseNewNode,
  ): { readonly inode: Inode; readonly handle: Handle };
  mkdir(directory: Inode, name: string, node: FuseNewNode): Inode;
  mknod(directory: Inode, name: string, node: FuseNewNode & { readonly rdev?: FuseDevice }): Inode;
  symlink(directory: Inode, name: string, target: string, owner?: FuseOwner): Inode;
  link(inode: Inode, directory: Inode, name: string): Inode;
  unlink(directory: Inode, name: string): void;
  rmdir(directory: Inode, name: string): void;
  rename(from: Inode, name: string, to: Inode, newName: string, mode?: 'replace' | 'keep' | 'exchange'): void;

  getxattr(inode: Inode, name: string): Buffer | undefined;
  listxattr(inode: Inode): readonly string[];
  setxattr(inode: Inode, name: string, value: Uint8Array, mode?: 'create' | 'replace'): void;
  removexattr(inode: Inode, name: string): void;

  statfs(): FuseStatistics;
}

export interface FuseInode {
  /** Never used twice, below 2³²; 1 is the root. */
  readonly id: number;
  readonly type: FuseType;
}

export type FuseType = 'file' | 'directory' | 'symlink' | 'character' | 'block' | 'fifo' | 'socket';

export interface FuseHandle {
  /** Its bytes come from a source that can't answer at once. */
  readonly remote: boolean;
  /** Called when the file's bytes went to another descriptor. */
  onMoved?: (() => void) | undefined;
}

export interface FuseDevice {
  readonly major: number;
  readonly minor: number;
}

export interface FuseOwner {
  readonly uid: number;
  readonly gid: number;
}

export interface FuseNewNode {
  readonly mode: number;
  readonly owner?: FuseOwner;
}

/** Times in nanoseconds since 1970. */
export interface FuseAttributes extends FuseOwner {
  readonly ino: number;
  readonly mode: number;
  readonly nlink: number;
  readonly size: number;
  readonly blocks: number;
  readonly rdev?: FuseDevice;
  readonly atime: bigint;
  readonly mtime: bigint;
  readonly ctime: bigint;
}

export interface FuseChanges {
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly size?: number;
  readonly atime?: bigint | 'now';
  readonly mtime?: bigint | 'now';
}

export interface FuseDirectoryEntry {
  readonly name: string;
  readonly type: FuseType;
  readonly ino?: number;
}

export interface FuseStatistics {
  readonly blockSize: number;
  readonly blocks: number;
  readonly freeBlocks: number;
  readonly availableBlocks: number;
  readonly files: number;
  readonly freeFiles: number;
  readonly longestName: number;
}
