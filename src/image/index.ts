export { type CommitOptions, commitImage, storeLayer } from './commit.ts';
export { applyChanges, mergeEnv } from './config-changes.ts';
export { type FoundImage, familiarName, findImage, repoDigests, repositoryOf, requireImage } from './find.ts';
export { type HistoryStep, historyOf } from './history.ts';
export { type Image, imageOf, platformOf, readImage, readRecord } from './image.ts';
export { type ConfigInspection, type ImageInspection, inspectConfig, inspectImage } from './inspect.ts';
export { imageSize, layerSize } from './size.ts';
export { startUnpacking, type Unpacking, type UnpackOptions, unpackImage } from './unpack.ts';
export { verifyLayers } from './verify-layers.ts';
