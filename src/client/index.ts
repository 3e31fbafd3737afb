export type { RealmMemory } from './authorizer.ts';
export type { DownloadOptions } from './blob-download.ts';
export type { BlobIdentity, MadeBlob } from './blob-upload.ts';
export {
  type CredentialOptions,
  type Credentials,
  eraseCredentials,
  loadCredentials,
  storeCredentials,
} from './credentials.ts';
export type { ListOptions } from './lists.ts';
export type { FetchedManifest, ManifestOptions } from './manifests.ts';
export { type ClientOptions, type RegistryClient, registryClient } from './registry-client.ts';
export { RegistryError } from './registry-error.ts';
export type { SearchOptions, SearchResult } from './search.ts';
export type { OpenContent, UploadOptions } from './upload-content.ts';
