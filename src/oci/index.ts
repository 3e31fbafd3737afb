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
export { isIndexType, isManifestType, MediaType } from './media-types.ts';
export type { ContainerConfig, Descriptor, History, ImageConfig, Index, Manifest, Platform } from './types.ts';
