export { compareTrees, type TreeDifference } from './compare-trees.ts';
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
export { type Amount, type ImageUsage, type LayerUsage, measureLayers, type RepeatedName } from './layer-usage.ts';
export type { FolderLayerInput, LayerInput } from './layers.ts';
export type { MarkNamespace } from './marks.ts';
export { mergeLayers, nodeAt, type UnionNode, walkUnion } from './merge.ts';
export { openUnion, type UnionOptions, type UnionUpper } from './open-union.ts';
export { openTarSource } from './tar-source.ts';
export type { SyncLayerSource } from './toc-content.ts';
export type { TocLayerInput } from './toc-layer.ts';
export type { UnionFile } from './union-file.ts';
export { openUnionFs, UnionFs } from './union-fs.ts';
export type { UnionDirent, UnionStats } from './union-stats.ts';
export { type Aim, type Place, walkPath } from './walk.ts';
