export { type IndexArtifact, indexArtifact, type LayerIndexBlobs, readIndexArtifact } from './artifact.ts';
export { fetchLayers } from './fetch-layers.ts';
export { indexLayer, type LayerIndex } from './index-layer.ts';
export { cacheFolder, isCached, keepIndex } from './layer-cache.ts';
export { lazyFolder, type MadeIndexes, madeIndexes } from './made-indexes.ts';
export { INDEX_TYPE } from './media-types.ts';
export type { LazyLayer, LazyPlan } from './plan.ts';
export { sendIndex } from './send-index.ts';
export { type FetchWork, serveLazy } from './serve-lazy.ts';
