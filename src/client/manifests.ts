import {
  algorithmOf,
  type Descriptor,
  type Digest,
  DigestMismatch,
  digestOf,
  isDigest,
  MAX_MANIFEST_BYTES,
  MediaType,
  parseManifest,
} from '../oci/index.ts';
import { EngineError, readAll } from '../std/index.ts';
import type { ApiResponse, Endpoint } from './endpoint.ts';
import { deleteScope, pullScope, pushScope } from './scope.ts';

/** A manifest or index: its exact bytes, and what they are. */
export interface FetchedManifest {
  readonly bytes: Buffer;
  readonly descriptor: Descriptor;
}

export interface ManifestOptions {
  /** Media types to ask for; else all that this program reads. */
  readonly accept?: readonly string[] | undefined;
  readonly signal?: AbortSignal | undefined;
}

// Schema 1 is asked for too: a registry that has nothing else then says so, and the error can tell what to do.
const READABLE: readonly string[] = [
  MediaType.ociIndex,
  MediaType.dockerIndex,
  MediaType.ociManifest,
  MediaType.dockerManifest,
  'application/vnd.docker.distribution.manifest.v1+prettyjws',
];

/** Gets a manifest, of which the digest is verified against what was asked and what the registry says. NotFound where there is none. */
export async function fetchManifest(
  endpoint: Endpoint,
  repository: string,
  tagOrDigest: string,
  { accept = READABLE, signal }: ManifestOptions = {},
): Promise<FetchedManifest> {
  const response = await endpoint.request(pathOf(repository, tagOrDigest), {
    method: 'GET',
    headers: { accept: accept.join(', ') },
    signal,
    what: `pull manifest of ${nameOf(repository, tagOrDigest)}`,
    repository,
    scopes: [pullScope(repository)],
    expect: [200],
  });
  const what = `manifest of ${nameOf(repository, tagOrDigest)}`;
  const bytes = await readAll(response.body, { limit: MAX_MANIFEST_BYTES, what });
  const told = toldDigest(response);
  for (const expected of [isDigest(tagOrDigest) ? tagOrDigest : undefined, told]) {
    if (!expected) continue;
    const actual = digestOf(bytes, algorithmOf(expected));
    if (actual !== expected) throw new DigestMismatch(what, expected, actual);
  }
  const digest = isDigest(tagOrDigest) ? tagOrDigest : (told ?? digestOf(bytes));
  return {
    bytes,
    descriptor: { mediaType: mediaTypeOf(response) ?? parseManifest(bytes).mediaType, digest, size: bytes.length },
  };
}

/** What a name stands for, without its content; undefined where there is nothing. */
export async function headManifest(
  endpoint: Endpoint,
  repository: string,
  tagOrDigest: string,
  { accept = READABLE, signal }: ManifestOptions = {},
): Promise<Descriptor | undefined> {
  const response = await endpoint.request(pathOf(repository, tagOrDigest), {
    method: 'HEAD',
    headers: { accept: accept.join(', ') },
    signal,
    what: `look up ${nameOf(repository, tagOrDigest)}`,
    repository,
    scopes: [pullScope(repository)],
    expect: [200, 404],
  });
  await response.body.dump();
  if (response.status === 404) return undefined;
  const told = toldDigest(response);
  const [mediaType, size] = [mediaTypeOf(response), Number(response.headers['content-length'] ?? Number.NaN)];
  if (isDigest(tagOrDigest) && told && algorithmOf(told) === algorithmOf(tagOrDigest) && told !== tagOrDigest) {
    throw new DigestMismatch(`manifest of ${nameOf(repository, tagOrDigest)}`, tagOrDigest, told);
  }
  const digest = isDigest(tagOrDigest) ? tagOrDigest : told;
  if (digest && mediaType && Number.isSafeInteger(size)) return { mediaType, digest, size };
  // Not all registries tell all of it in a HEAD.
  return (await fetchManifest(endpoint, repository, tagOrDigest, { accept, signal })).descriptor;
}

/** Stores a manifest under a tag or its digest, which the registry must confirm. Its blobs and children are there already. */
export async function putManifest(
  endpoint: Endpoint,
  repository: string,
  tagOrDigest: string,
  { bytes, mediaType, signal }: { bytes: Uint8Array; mediaType: string; signal?: AbortSignal | undefined },
): Promise<Digest> {
  const what = `push manifest of ${nameOf(repository, tagOrDigest)}`;
  if (bytes.length > MAX_MANIFEST_BYTES) {
    throw new EngineError(
      'ResourceExhausted',
      `can't ${what}: ${bytes.length} bytes are more than the ${MAX_MANIFEST_BYTES} allowed`,
    );
  }
  if (isDigest(tagOrDigest)) {
    const actual = digestOf(bytes, algorithmOf(tagOrDigest));
    if (actual !== tagOrDigest) throw new DigestMismatch(what, tagOrDigest, actual);
  }
  const response = await endpoint.request(pathOf(repository, tagOrDigest), {
    method: 'PUT',
    headers: { 'content-type': mediaType, 'content-length': String(bytes.length) },
    body: () => bytes,
    signal,
    what,
    repository,
    scopes: [pushScope(repository)],
    expect: [201],
  });
  await response.body.dump();
  const told = toldDigest(response);
  const digest = digestOf(bytes, told ? algorithmOf(told) : 'sha256');
  if (told && told !== digest) throw new DigestMismatch(what, digest, told);
  return isDigest(tagOrDigest) ? tagOrDigest : digest;
}

/** Deletes a manifest by digest, or only a tag where the registry knows that. */
export async function deleteManifest(
  endpoint: Endpoint,
  repository: string,
  tagOrDigest: string,
  { signal }: { signal?: AbortSignal | undefined } = {},
): Promise<void> {
  const response = await endpoint.request(pathOf(repository, tagOrDigest), {
    method: 'DELETE',
    signal,
    what: `delete ${nameOf(repository, tagOrDigest)}`,
    repository,
    scopes: [deleteScope(repository)],
    expect: [200, 202],
  });
  await response.body.dump();
}

function pathOf(repository: string, tagOrDigest: string): string {
  return `/v2/${repository}/manifests/${tagOrDigest}`;
}

function nameOf(repository: string, tagOrDigest: string): string {
  return `${repository}${isDigest(tagOrDigest) ? '@' : ':'}${tagOrDigest}`;
}

function toldDigest({ headers }: ApiResponse): Digest | undefined {
  const told = headers['docker-content-digest'];
  return isDigest(told) ? told : undefined;
}

function mediaTypeOf({ headers }: ApiResponse): string | undefined {
  return headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase() || undefined;
}
