import type { BlobIdentity, FetchedManifest, MadeBlob, RegistryClient } from '../client/index.ts';
import {
  type Descriptor,
  type Digest,
  formatReference,
  isForeignLayerType,
  type Reference,
  withDefaultTag,
} from '../oci/index.ts';
import { EngineError } from '../std/index.ts';
import type { ImageSink, ImageSource, ManifestBytes } from './place.ts';

export interface RegistryPlaceOptions {
  /** Other repositories of the registry that may have a blob already, the likeliest first: it is linked from there instead of sent. */
  mountFrom?(blob: Descriptor): readonly string[] | Promise<readonly string[]>;
  /** Ends everything that the place does; blobs have a signal of their own besides. */
  readonly signal?: AbortSignal;
}

/** A repository of a registry. */
export interface RegistryPlace extends ImageSource, ImageSink {
  readonly registry: string;
  readonly repository: string;
  /** Takes a blob while it is made; then {@link ImageSink.hasBlob} is true of it. */
  writeMadeBlob(made: MadeBlob, options?: { signal?: AbortSignal }): Promise<BlobIdentity>;
}

/**
 * The registry's repository that `reference` names, to copy images from and to. Its tag, or its digest where it has one, is what is resolved; what
 * is pushed gets its tag. Blobs are linked rather than sent where another repository of the registry has them.
 */
export function registryPlace(
  client: RegistryClient,
  reference: Reference,
  { mountFrom, signal }: RegistryPlaceOptions = {},
): RegistryPlace {
  const { registry, repository, tag, digest } = withDefaultTag(reference);
  if (registry !== client.registry) {
    throw new EngineError('Internal', `a client of ${client.registry} was given for ${formatReference(reference)}`);
  }
  const name = `docker://${formatReference(reference)}`;
  const there = new Set<Digest>(); // what the registry has said to have

  const candidates = async (blob: Descriptor, from: ImageSource | undefined): Promise<Set<string>> => {
    const known = new Set<string>();
    if (from && isRegistryPlace(from) && from.registry === registry) known.add(from.repository);
    for (const other of (await mountFrom?.(blob)) ?? []) known.add(other);
    known.delete(repository);
    return known;
  };

  const isMounted = async (blob: Descriptor, from: ImageSource | undefined): Promise<boolean> => {
    for (const other of await candidates(blob, from)) {
      if (await client.mountBlob(repository, blob, other, { signal })) return true;
    }
    return false;
  };

  return {
    name,
    registry,
    repository,
    takesIn: 'uploading',
    resolve: () => client.manifest(repository, (digest ?? tag) as string, { signal }),
    async manifest(descriptor) {
      return asDescribed(await client.manifest(repository, descriptor.digest, { signal }), descriptor, name);
    },
    blob: (descriptor, options = {}) =>
      client.blob(repository, descriptor, { offset: options.offset, signal: anyOf(signal, options.signal) }),
    async hasBlob(descriptor, from) {
      // What its own place hands out is not ours to push.
      if (isForeignLayerType(descriptor.mediaType) && descriptor.urls?.length) return true;
      if (there.has(descriptor.digest)) return true;
      const isThere =
        (await client.headBlob(repository, descriptor.digest, { signal, forPush: true })) ||
        (await isMounted(descriptor, from));
      if (isThere) there.add(descriptor.digest);
      return Boolean(isThere);
    },
    async writeMadeBlob(made, options = {}) {
      const identity = await client.sendMadeBlob(repository, made, { signal: anyOf(signal, options.signal) });
      there.add(identity.digest);
      return identity;
    },
    writeBlob: (descriptor, open, options = {}) =>
      client.sendBlob(repository, descriptor, open, { report: options.report, signal: anyOf(signal, options.signal) }),
    async writeManifest({ descriptor, bytes }) {
      await client.putManifest(repository, descriptor.digest, { bytes, mediaType: descriptor.mediaType, signal });
    },
    async finish({ descriptor, bytes }) {
      if (digest !== undefined && digest !== descriptor.digest) {
        throw new EngineError('InvalidArgument', `${name} can't become ${descriptor.digest}: push to a tag instead`);
      }
      await client.putManifest(repository, tag ?? descriptor.digest, {
        bytes,
        mediaType: descriptor.mediaType,
        signal,
      });
    },
  };
}

/** A child must be what the index says that it is, or two readers could take it for two things. */
function asDescribed({ bytes, descriptor }: FetchedManifest, expected: Descriptor, name: string): ManifestBytes {
  if (bytes.length !== expected.size) {
    throw new EngineError(
      'DataLoss',
      `${name}: ${expected.digest} has ${bytes.length} bytes, ${expected.size} by its index`,
    );
  }
  if (descriptor.mediaType !== expected.mediaType) {
    throw new EngineError(
      'InvalidArgument',
      `${name}: ${expected.digest} is ${descriptor.mediaType}, by its index ${expected.mediaType}`,
    );
  }
  return { bytes, descriptor: expected };
}

function isRegistryPlace(source: ImageSource): source is RegistryPlace {
  return 'registry' in source && 'repository' in source;
}

function anyOf(a: AbortSignal | undefined, b: AbortSignal | undefined): AbortSignal | undefined {
  return a && b && a !== b ? AbortSignal.any([a, b]) : (a ?? b);
}
