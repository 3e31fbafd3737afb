import { compressLayer } from '../compression/index.ts';
import {
  type Descriptor,
  type Digest,
  describe,
  encodeDocument,
  type Manifest,
  MediaType,
  parseManifest,
} from '../oci/index.ts';
import { type ByteStream, counted, EngineError } from '../std/index.ts';
import type { Store } from '../store/index.ts';
import type { ImageSource, ManifestBytes, TransferEvent } from './place.ts';
import { storeSource } from './store-place.ts';

/** Media types of layers kept as plain tar, and what they are called once compressed. */
const COMPRESSED: Readonly<Record<string, string>> = {
  [MediaType.ociLayer]: MediaType.ociLayerGzip,
  [MediaType.dockerLayer]: MediaType.dockerLayerGzip,
};

export interface CompressOptions {
  readonly signal: AbortSignal;
  report(event: TransferEvent): void;
}

/**
 * An image of the store as registries expect it. Layers made here are kept as plain tar; they go out as gzip. Each is compressed once: the pair of
 * diffID and compressed descriptor is recorded, and since compression is deterministic, the compressed blob need not be kept, and every later
 * push names the same digests.
 */
export async function compressedSource(
  store: Store,
  target: Descriptor,
  name: string,
  options: CompressOptions,
): Promise<ImageSource> {
  const source = storeSource(store.content, target, name);
  const document = parseManifest(await store.content.read(target.digest), target.mediaType);
  if (document.kind === 'index' || !document.manifest.layers.some(({ mediaType }) => mediaType in COMPRESSED))
    return source;

  const plainOf = new Map<Digest, Descriptor>();
  const layers: Descriptor[] = [];
  for (const layer of document.manifest.layers) {
    const compressed = layer.mediaType in COMPRESSED ? await compressOnce(store, layer, options) : layer;
    if (compressed !== layer) plainOf.set(compressed.digest, layer);
    layers.push(compressed);
  }
  const manifest: Manifest = { ...document.manifest, layers };
  const bytes = encodeDocument(manifest);
  const top: ManifestBytes = { bytes, descriptor: describe(bytes, target.mediaType) };
  return {
    ...source,
    resolve: async () => top,
    async blob(descriptor, blobOptions = {}) {
      const plain = plainOf.get(descriptor.digest);
      if (!plain || (await store.content.stat(descriptor.digest))) return source.blob(descriptor, blobOptions);
      return skip(compressLayer(await source.blob(plain), { signal: options.signal }), blobOptions.offset ?? 0);
    },
  };
}

async function compressOnce(store: Store, layer: Descriptor, { signal, report }: CompressOptions): Promise<Descriptor> {
  const mediaType = COMPRESSED[layer.mediaType] as string;
  const recorded = (await store.layers.compressed(layer.digest)).find(
    (descriptor) => descriptor.mediaType === mediaType,
  );
  if (recorded) return recorded;
  const opened = await store.content.ingest({});
  if ('exists' in opened) throw new EngineError('Internal', 'an ingest without a digest exists already');
  await using ingest = opened;
  const plain = counted(store.content.stream(layer.digest), (current) =>
    report({ kind: 'progress', id: layer.digest, activity: 'compressing', current, total: layer.size }),
  );
  for await (const chunk of compressLayer(plain, { signal })) await ingest.write(chunk);
  const compressed: Descriptor = { mediaType, ...(await ingest.commit()) };
  await store.layers.addCompressed(layer.digest, compressed);
  return compressed;
}

async function* skip(stream: ByteStream, offset: number): AsyncGenerator<Uint8Array> {
  let left = offset;
  for await (const chunk of stream) {
    if (left < chunk.length) yield left > 0 ? chunk.subarray(left) : chunk;
    left = Math.max(0, left - chunk.length);
  }
}
