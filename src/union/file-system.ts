/**
 * A file system as a kernel asks for it: inodes, handles, and calls that answer at once. A FUSE server serves one as it is; `UnionFs` puts
 * paths and promises on top. A refused call throws an error in the shape of Node's own, `code` being what the system call would have said.
 * Who may do what is not decided here: the kernel does that by mode and owner (`default_permissions`), a library's caller for itself.
 */
export interface FileSystem extends Disposable {
  readonly root: Inode;
  /** False where every change gives EROFS. */
  readonly writable: boolean;

  /** What a name of a directory is; undefined where there is nothing. The same object for as long as nobody forgets it. `name` is one component. */
  lookup(directory: Inode, name: string): Inode | undefined;
  /**
   * The caller holds `inode` no more, and nothing below it. Its memory may go; a later lookup makes it anew, with the same `ino`. Inodes that
   * are open or have known ones below stay.
   */
  forget(inode: Inode): void;
  /** Works on what was removed too, while it is open. */
  getattr(inode: Inode): Attributes;
  setattr(inode: Inode, changes: AttributeChanges): Attributes;
  /** Every name of a directory but `.` and `..`, as of now. A server keeps the list for as long as it has the directory open. */
  readdir(directory: Inode): readonly DirectoryEntry[];
  /** A symbolic link's text, as `decodeName` of `std` gives it. */
  readlink(inode: Inode): string;

  /**
   * Opens a regular file. Of `flags` (of `fs.constants`) the access mode and O_TRUNC count; a server keeps O_APPEND to itself and gives
   * positions. Opening for writing copies up. Others than regular files give ENXIO: the kernel opens those by itself.
   */
  open(inode: Inode, flags: number): Handle;
  /** Bytes read into `into`, less than its length at the end of the file alone. EAGAIN for a handle that is {@link Handle.remote}. */
  read(handle: Handle, into: Uint8Array, position: number): number;
  /** {@link read} for every handle: bytes that are elsewhere are waited for. */
  readLater(handle: Handle, into: Uint8Array, position: number): Promise<number>;
  /**
   * Copies a file up whose bytes are elsewhere. What would copy it up at once gives EAGAIN until then: opening it for writing, setattr, link,
   * rename, attributes. Nothing happens for all other inodes.
   */
  copyUpLater(inode: Inode): Promise<void>;
  /** Writes all of `from`; returns its length. */
  write(handle: Handle, from: Uint8Array, position: number): number;
  /** fallocate(2); `mode` holds its flags. */
  allocate(handle: Handle, mode: number, offset: number, length: number): void;
  /** lseek(2) with SEEK_DATA or SEEK_HOLE; ENXIO past the last data. */
  seek(handle: Handle, offset: number, whence: 'data' | 'hole'): number;
  /** Makes a file durable; `dataOnly` as fdatasync(2) does. */
  fsync(handle: Handle, options?: { readonly dataOnly?: boolean }): void;
  /** {@link fsync} of a directory's names. */
  fsyncDirectory(directory: Inode): void;
  /** Each handle once; after it the handle is not used any more. */
  release(handle: Handle): void;
  /**
   * A descriptor whose bytes are exactly this file's, for FUSE_PASSTHROUGH, splice and mmap; undefined where the bytes lie within a larger file
   * or elsewhere. It belongs to the handle, and is another one after a copy-up: {@link Handle.onMoved} tells.
   */
  descriptor(handle: Handle): number | undefined;

  /** Makes a regular file and opens it; EEXIST where the name is taken. */
  create(
    directory: Inode,
    name: string,
    flags: number,
    node: NewNode,
  ): { readonly inode: Inode; readonly handle: Handle };
  mkdir(directory: Inode, name: string, node: NewNode): Inode;
  /** `node.mode` holds the type too (`S_IFREG`, `S_IFIFO`, `S_IFSOCK`, `S_IFCHR`, `S_IFBLK`). A 0/0 character device, which is a whiteout, gives EPERM. */
  mknod(directory: Inode, name: string, node: NewNode & { readonly rdev?: Device }): Inode;
  symlink(directory: Inode, name: string, target: string, owner?: Owner): Inode;
  /** A further name for what is no directory; returns its inode. */
  link(inode: Inode, directory: Inode, name: string): Inode;
  unlink(directory: Inode, name: string): void;
  rmdir(directory: Inode, name: string): void;
  /** renameat2(2). A directory that lower layers have gives EXDEV, as overlayfs with `redirect_dir=off`; programs then copy. */
  rename(from: Inode, name: string, to: Inode, newName: string, mode?: RenameMode): void;

  /** Undefined where there is none of that name. Names are full: `user.x`. */
  getxattr(inode: Inode, name: string): Buffer | undefined;
  listxattr(inode: Inode): readonly string[];
  /** `create`: EEXIST where it is there; `replace`: ENODATA where it is not. */
  setxattr(inode: Inode, name: string, value: Uint8Array, mode?: 'create' | 'replace'): void;
  /** ENODATA where it is not. */
  removexattr(inode: Inode, name: string): void;

  statfs(): FileSystemStatistics;
}

/**
 * One file, directory or link while somebody knows it. Two names of one file in the writable layer are one inode. Two names of one file in a
 * lower layer are two inodes with one `ino` and the same bytes, since a write parts them, as it does in overlayfs with `index=off`.
 */
export interface Inode {
  /** Unique among all inodes of the file system, never used twice; 1 is the root (FUSE_ROOT_ID). */
  readonly id: number;
  readonly type: InodeType;
}

export type InodeType = 'file' | 'directory' | 'symlink' | 'character' | 'block' | 'fifo' | 'socket';

/** An open file. It outlives copy-up, rename and removal of its name. */
export interface Handle {
  readonly inode: Inode;
  /** Its bytes come from a source that can't answer at once: {@link FileSystem.readLater} reads it. */
  readonly remote: boolean;
  /** Called when a copy-up gave the file another {@link FileSystem.descriptor}, and what is read from now on may differ from what a cache holds. */
  onMoved?: (() => void) | undefined;
}

export interface Device {
  readonly major: number;
  readonly minor: number;
}

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** How something new shall be. */
export interface NewNode {
  /** Exact: the caller has applied the umask. */
  readonly mode: number;
  /** Whose it is; the process's own if absent. In a directory with the setgid bit the group is the directory's. */
  readonly owner?: Owner;
}

/** As stat(2) tells them. Sizes in bytes, times in nanoseconds since 1970. */
export interface Attributes extends Owner {
  /** Stable while the file system is open, across copy-up too, but for files of lower layers that have several names: those change it, as in overlayfs. */
  readonly ino: number;
  /** With the type's bits. */
  readonly mode: number;
  /** 1 for a directory that several layers have. */
  readonly nlink: number;
  readonly size: number;
  /** Of 512 bytes. */
  readonly blocks: number;
  readonly rdev?: Device;
  readonly atime: bigint;
  readonly mtime: bigint;
  readonly ctime: bigint;
}

/** What setattr changes; `size` cuts or extends a file. */
export interface AttributeChanges {
  /** The low twelve bits. */
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly size?: number;
  readonly atime?: bigint | 'now';
  readonly mtime?: bigint | 'now';
}

export interface DirectoryEntry {
  readonly name: string;
  readonly type: InodeType;
  /** Absent where only a lookup would tell. */
  readonly ino?: number;
}

/** `keep`: EEXIST where the new name is taken; `exchange`: both names stay and swap what they name. */
export type RenameMode = 'replace' | 'keep' | 'exchange';

/** As statvfs(3) tells them, in blocks of `blockSize` bytes. */
export interface FileSystemStatistics {
  readonly blockSize: number;
  readonly blocks: number;
  readonly freeBlocks: number;
  readonly availableBlocks: number;
  readonly files: number;
  readonly freeFiles: number;
  readonly longestName: number;
}
