export { type CompressOptions, compressedSource } from './compressed-source.ts';
export { type CopiedImage, type CopyOptions, copyImage } from './copy-image.ts';
export type { LayoutEntry } from './layout-index.ts';
export { listOciLayout, type OciLayoutOptions, ociLayout } from './oci-layout.ts';
export type { ImageSink, ImageSource, ManifestBytes, TransferEvent } from './place.ts';
export { type Archive, type ArchiveImage, readArchive } from './read-archive.ts';
export { type RegistryPlace, type RegistryPlaceOptions, registryPlace } from './registry-place.ts';
export { type StoreSinkOptions, storeSink, storeSource } from './store-place.ts';
export { type ArchiveInput, type WriteArchiveOptions, writeArchive } from './write-archive.ts';
