export type {
  AttributeChanges,
  Attributes,
  Device,
  DirectoryEntry,
  FileSystem,
  FileSystemStatistics,
  Handle,
  Inode,
  InodeType,
  NewNode,
  Owner,
  RenameMode,
} from './file-system.ts';
export { mergeLayers, nodeAt, type UnionNode, walkUnion } from './merge.ts';
