export { type AppliedLayer, type ApplyOptions, applyLayer } from './apply.ts';
export type { LayerLimits } from './layer-tree.ts';
export type { Lower, Ownership, Skipped } from './metadata.ts';
export { type ReadLayerOptions, readToc } from './read-layer.ts';
export { type LayerOperations, type LayerResolver, layerResolver } from './resolve.ts';
export { type PendingLayer, settleLayer } from './settle.ts';
export type { LayerSource } from './source.ts';
export type { Change, LayerNodeType, Toc, TocEntry } from './toc.ts';
export { isKeptXattr } from './xattrs.ts';
