import type { RegistryClient } from '../client/index.ts';
import {
  type Descriptor,
  type Digest,
  describe,
  encodeDocument,
  type Index,
  MediaType,
  parseManifest,
} from '../oci/index.ts';
import { hasCode } from '../std/index.ts';
import type { IndexArtifact } from './artifact.ts';
import { INDEX_TYPE } from './media-types.ts';

/** Stores an index in the repository of its image, where it is then listed among what refers to that. */
export async function sendIndex(
  client: RegistryClient,
  repository: string,
  { descriptor, bytes, blobs }: IndexArtifact,
  { subject, signal }: { readonly subject: Digest; readonly signal?: AbortSignal },
): Promise<void> {
  for (const [digest, content] of blobs) {
    const blob: Descriptor = { mediaType: 'application/octet-stream', digest, size: content.length };
    const open = async function* (offset: number): AsyncGenerator<Uint8Array, void> {
      yield content.subarray(offset);
    };
    await client.uploadBlob(repository, blob, async (offset) => open(offset), { signal });
  }
  const manifest = { bytes, mediaType: descriptor.mediaType, signal };
  await client.putManifest(repository, descriptor.digest, manifest);
  for await (const { digest } of client.referrers(repository, subject, { artifactType: INDEX_TYPE, signal }))
    if (digest === descriptor.digest) return;
  await tagReferrer(client, repository, descriptor, { subject, ...(signal && { signal }) });
}

/** distribution-spec, "Referrers Tag Schema": for registries that do not list by themselves, the client keeps the list under a tag. */
async function tagReferrer(
  client: RegistryClient,
  repository: string,
  descriptor: Descriptor,
  { subject, signal }: { readonly subject: Digest; readonly signal?: AbortSignal },
): Promise<void> {
  const tag = subject.replace(':', '-');
  const before = await client.manifest(repository, tag, { signal }).catch((error: unknown) => {
    if (hasCode(error, 'NotFound')) return undefined;
    throw error;
  });
  const document = before && parseManifest(before.bytes);
  const listed = document?.kind === 'index' ? document.index.manifests : [];
  const index: Index = { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: [...listed, descriptor] };
  const bytes = encodeDocument(index);
  const { mediaType } = describe(bytes, MediaType.ociIndex);
  await client.putManifest(repository, tag, { bytes, mediaType, signal });
}
