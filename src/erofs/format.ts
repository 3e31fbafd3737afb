/**
 * Numbers of EROFS' on-disk format: Documentation/filesystems/erofs.rst and fs/erofs/erofs_fs.h of the kernel. All fields are little-endian.
 */

/** The smallest block, by which data in a tar is aligned. The kernel reads it from 6.4 on. */
export const TAR_BLOCK = 512;

/** The superblock's place, past what boot loaders use. */
export const SUPER_OFFSET = 1024;
export const SUPER_SIZE = 128;
export const MAGIC = 0xe0f5e1e2;

export const COMPAT_CHECKSUM = 1;
/** The superblock's time is the mtime, not the ctime, of compact inodes. */
export const COMPAT_MTIME = 2;
export const INCOMPAT_CHUNKED_FILE = 4;
export const INCOMPAT_DEVICE_TABLE = 8;

/** A slot of the device table, and the unit that its place is counted in. */
export const DEVICE_SLOT = 128;

/** Inode numbers count in these. */
export const INODE_SLOT = 32;
export const COMPACT_INODE = 32;
export const EXTENDED_INODE = 64;

/** Where an inode's data is: bits 1 to 3 of its format. */
export const Layout = { plain: 0, inline: 2, chunks: 4 } as const;

export const CHUNK_INDEX = 8;
/** Bit of the chunk format: the map is of {@link CHUNK_INDEX} entries, which name a device, and not of bare addresses. */
export const CHUNK_INDEXES = 0x20;
/** Most that a chunk's size may exceed the block's, as a power of two: five bits. */
export const CHUNK_BITS_MAX = 31;
export const HOLE = 0xffff_ffff;

export const DIRENT = 12;

/** `FT_*` of directory entries: linux/fs_types.h. */
export const FileType = { file: 1, directory: 2, character: 3, block: 4, fifo: 5, socket: 6, symlink: 7 } as const;

/** Type bits of a mode: inode(7). */
export const ModeType = {
  file: 0o100000,
  directory: 0o040000,
  character: 0o020000,
  block: 0o060000,
  fifo: 0o010000,
  socket: 0o140000,
  symlink: 0o120000,
} as const;

/** Header of an inode's extended attributes; its tail is the ids of shared ones. */
export const XATTR_HEADER = 12;
export const XATTR_ENTRY = 4;

/** Prefixes of attributes' names, which are not stored themselves; ACLs are nothing but prefix. */
export const XATTR_PREFIXES: readonly (readonly [prefix: string, index: number])[] = [
  ['user.', 1],
  ['system.posix_acl_access', 2],
  ['system.posix_acl_default', 3],
  ['trusted.', 4],
  ['security.', 6],
];

export function roundUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit;
}
