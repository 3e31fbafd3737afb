export type { LayerSource } from './source.ts';
export type { Change, LayerNodeType, Toc, TocEntry } from './toc.ts';
