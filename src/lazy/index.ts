export { type IndexArtifact, indexArtifact, type LayerIndexBlobs, readIndexArtifact } from './artifact.ts';
export { indexLayer, type LayerIndex } from './index-layer.ts';
export { lazyFolder, type MadeIndexes, madeIndexes } from './made-indexes.ts';
export { INDEX_TYPE } from './media-types.ts';
export { sendIndex } from './send-index.ts';
