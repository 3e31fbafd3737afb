export { parseDescriptor } from './descriptor.ts';
export {
  algorithmOf,
  chainID,
  chainIDs,
  createDigester,
  type Digest,
  type DigestAlgorithm,
  DigestMismatch,
  digestOf,
  hexOf,
  isDigest,
  parseDigest,
} from './digest.ts';
export { MAX_MANIFEST_BYTES, type ParsedDocument, parseManifest } from './documents.ts';
export { describe, encodeDocument } from './encode.ts';
export { parseImageConfig } from './image-config.ts';
export { checkLayoutFile, LAYOUT_FILE } from './layout-file.ts';
export { isForeignLayerType, isIndexType, isLayerType, isManifestType, MediaType } from './media-types.ts';
export { formatPlatform, hostPlatform, normalizePlatform, parsePlatform, selectPlatform } from './platform.ts';
export {
  DEFAULT_REGISTRY,
  familiarName,
  familiarReference,
  formatReference,
  parseReference,
  type Reference,
  withDefaultTag,
} from './reference.ts';
export { parseStrictJson } from './strict-json.ts';
export type { ContainerConfig, Descriptor, History, ImageConfig, Index, Manifest, Platform } from './types.ts';
