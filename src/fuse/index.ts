export type {
  FuseAttributes,
  FuseChanges,
  FuseDevice,
  FuseDirectoryEntry,
  FuseFileSystem,
  FuseHandle,
  FuseInode,
  FuseNewNode,
  FuseOwner,
  FuseStatistics,
  FuseType,
} from './file-system.ts';
export { fuseOptions, openFuse } from './mount.ts';
export { type ServeOptions, serveFuse } from './serve.ts';
