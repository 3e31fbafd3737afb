/** Numbers of the FUSE protocol, linux/fuse.h, that this server speaks. All fields are little-endian here: x86-64 and arm64 are. */

/** The newest minor version of protocol 7 that is spoken here, and the oldest: kernel 5.4 has 7.31. */
export const MAJOR = 7;
export const NEWEST_MINOR = 41;
export const OLDEST_MINOR = 31;

export const Opcode = {
  lookup: 1,
  forget: 2,
  getattr: 3,
  setattr: 4,
  readlink: 5,
  symlink: 6,
  mknod: 8,
  mkdir: 9,
  unlink: 10,
  rmdir: 11,
  rename: 12,
  link: 13,
  open: 14,
  read: 15,
  write: 16,
  statfs: 17,
  release: 18,
  fsync: 20,
  setxattr: 21,
  getxattr: 22,
  listxattr: 23,
  removexattr: 24,
  init: 26,
  readdir: 28,
  fsyncdir: 30,
  create: 35,
  interrupt: 36,
  destroy: 38,
  batchForget: 42,
  fallocate: 43,
  readdirplus: 44,
  rename2: 45,
  lseek: 46,
} as const;

/** What INIT settles. Those from bit 32 on stand in a second word. */
export const InitFlag = {
  asyncRead: 0x1,
  atomicTruncate: 0x8,
  bigWrites: 0x20,
  dontMask: 0x40,
  doReaddirplus: 0x2000,
  readdirplusAuto: 0x4000,
  asyncDirectIO: 0x8000,
  parallelDirops: 0x40000,
  posixAcl: 0x100000,
  maxPages: 0x400000,
  cacheSymlinks: 0x800000,
  noOpendirSupport: 0x1000000,
  handleKillprivV2: 0x10000000,
  setxattrExt: 0x20000000,
  initExt: 0x40000000,
} as const;

export const InitFlag2 = {
  directIOAllowMmap: 0x10,
  passthrough: 0x20,
} as const;

/** Answers of OPEN and CREATE. */
export const OpenFlag = {
  keepCache: 0x2,
  passthrough: 0x80,
} as const;

/** Which fields of SETATTR count. */
export const SetattrFlag = {
  mode: 0x1,
  uid: 0x2,
  gid: 0x4,
  size: 0x8,
  atime: 0x10,
  mtime: 0x20,
  atimeNow: 0x80,
  mtimeNow: 0x100,
  killSuidgid: 0x800,
} as const;

/** A further word of OPEN's. */
export const OPEN_KILL_SUIDGID = 0x1;
export const WRITE_KILL_SUIDGID = 0x4;
export const FSYNC_FDATASYNC = 0x1;

/** Notification codes: they travel in the error field of a message without a request. */
export const NOTIFY_INVAL_INODE = 2;

/** Sizes of structures, in bytes. */
export const IN_HEADER = 40;
export const OUT_HEADER = 16;
export const ATTR = 88;
export const ENTRY_OUT = 128;
export const DIRENT = 24;

/** Node number of the root: FUSE_ROOT_ID. */
export const ROOT_ID = 1;
/** Largest READ, WRITE and answer. */
export const LARGEST_IO: number = 0x100000;
/** Longest component of a path: NAME_MAX (the kernel itself allows FUSE 1024). */
export const LONGEST_NAME = 255;
