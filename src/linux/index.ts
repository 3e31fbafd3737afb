export {
  BTRFS_MAGIC,
  createSubvolume,
  destroySubvolume,
  SUBVOLUME_INODE,
  sealSubvolume,
  snapshotSubvolume,
} from './btrfs.ts';
export {
  AT_FDCWD,
  alignedBuffer,
  allocateFile,
  changeTimesAt,
  chmodAt,
  chmodFd,
  chownAt,
  cloneFile,
  closeFd,
  directAlignmentOf,
  linkAt,
  makeDevice,
  mkdirAt,
  mknodAt,
  O_CLOEXEC,
  O_PATH,
  openAt,
  RenameFlag,
  renameAt,
  renameAt2,
  rmdirAt,
  seekFile,
  splitDevice,
  symlinkAt,
  syncFileSystem,
  unlinkAt,
  utimesAt,
} from './files.ts';
export { check, cString, errnoError, lastErrno, loadKoffi, native } from './libc.ts';
export { type LockMode, lockFile, tryFlock } from './lock.ts';
export { attachLoop, type LoopDevice } from './loop.ts';
export { MountFlag, mount, mountNew, unmount } from './mount.ts';
export { CloneFlag, changeRoot, setNamespace, unshare } from './namespace.ts';
export { startTimeOf } from './process.ts';
export { connectSeqpacket, makePipe, pollReadable, shutdownSocket } from './socket.ts';
export { getXattr, listXattrs, readXattrs, removeXattr, setXattr, setXattrFd } from './xattr.ts';
