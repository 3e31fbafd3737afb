import {
  type ContainerConfig,
  type Descriptor,
  describe,
  encodeDocument,
  type History,
  hostPlatform,
  type ImageConfig,
  type Manifest,
  MediaType,
  type Platform,
  parseImageConfig,
} from '../oci/index.ts';
import type { ByteStream } from '../std/index.ts';
import type { Store } from '../store/index.ts';
import { type Image, imageOf } from './image.ts';

export interface CommitOptions {
  /** The image below; none for an import. */
  readonly base?: Image;
  /** The new layer as an uncompressed tar; none to change metadata alone. */
  readonly layer?: ByteStream;
  readonly config: ContainerConfig;
  readonly platform?: Platform;
  readonly author?: string;
  readonly comment?: string;
  readonly createdBy: string;
  readonly created?: Date;
  readonly signal?: AbortSignal;
}

/** Up to this size a layer is kept in memory, and written at once with the documents that name it. */
const SMALL_LAYER = 1 << 20;

/** Stores `options.layer` on its base as a new image. The caller holds a lease and gives the image its name. */
export async function commitImage(store: Store, options: CommitOptions): Promise<Image> {
  const { base } = options;
  const layer = options.layer && (await takeLayer(store, options.layer, options.signal));
  const created = (options.created ?? new Date()).toISOString();
  const step: History = {
    created,
    created_by: options.createdBy,
    ...(options.author && { author: options.author }),
    ...(options.comment && { comment: options.comment }),
    ...(!layer && { empty_layer: true }),
  };
  const { os, architecture, variant } = options.platform ?? base?.config ?? hostPlatform();
  const config: ImageConfig = {
    ...(base?.config['os.version'] && { 'os.version': base.config['os.version'] }),
    created,
    ...(options.author ? { author: options.author } : base?.config.author ? { author: base.config.author } : {}),
    architecture,
    os,
    ...(variant && { variant }),
    config: options.config,
    rootfs: {
      type: 'layers',
      diff_ids: [...(base?.config.rootfs.diff_ids ?? []), ...(layer ? [layer.descriptor.digest] : [])],
    },
    history: [...(base?.config.history ?? []), step],
  };
  const configBytes = encodeDocument(config);
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: MediaType.ociManifest,
    config: describe(configBytes, MediaType.ociConfig),
    layers: [...(base?.manifest.layers.map(asOCI) ?? []), ...(layer ? [layer.descriptor] : [])],
  };
  const manifestBytes = encodeDocument(manifest);
  const target = describe(manifestBytes, MediaType.ociManifest);
  const image = imageOf(target, target, manifest, parseImageConfig(configBytes));
  await store.content.putAll([...(layer?.bytes ? [layer.bytes] : []), configBytes, manifestBytes]);
  return image;
}

/** A layer made here stays a plain tar: its digest is its diffID. */
interface TakenLayer {
  readonly descriptor: Descriptor;
  /** All of a small one, which is not stored yet. */
  readonly bytes?: Buffer;
}

async function takeLayer(store: Store, tar: ByteStream, signal: AbortSignal | undefined): Promise<TakenLayer> {
  const chunks = tar[Symbol.asyncIterator]();
  try {
    const start: Uint8Array[] = [];
    for (let size = 0; size <= SMALL_LAYER; ) {
      signal?.throwIfAborted();
      const { done, value } = await chunks.next();
      if (done) {
        const bytes = Buffer.concat(start);
        return { descriptor: describe(bytes, MediaType.ociLayer), bytes };
      }
      start.push(value);
      size += value.length;
    }
    return { descriptor: await ingestLayer(store, start, { [Symbol.asyncIterator]: () => chunks }, signal) };
  } finally {
    await chunks.return?.();
  }
}

/** Stores an uncompressed tar as a layer. The caller holds a lease. */
export async function storeLayer(
  store: Store,
  tar: ByteStream,
  { signal }: { signal?: AbortSignal } = {},
): Promise<Descriptor> {
  const { descriptor, bytes } = await takeLayer(store, tar, signal);
  if (bytes) await store.content.put(bytes);
  return descriptor;
}

async function ingestLayer(
  store: Store,
  start: readonly Uint8Array[],
  rest: ByteStream,
  signal: AbortSignal | undefined,
): Promise<Descriptor> {
  const opened = await store.content.ingest({});
  if ('exists' in opened) throw new TypeError('an ingest without a digest cannot exist');
  await using ingest = opened;
  for (const chunk of start) await ingest.write(chunk);
  for await (const chunk of rest) {
    signal?.throwIfAborted();
    await ingest.write(chunk);
  }
  const { digest, size } = await ingest.commit();
  return { mediaType: MediaType.ociLayer, digest, size };
}

const OCI_LAYER: Readonly<Record<string, string>> = {
  [MediaType.dockerLayer]: MediaType.ociLayer,
  [MediaType.dockerLayerGzip]: MediaType.ociLayerGzip,
};

/** A layer of a Docker schema-2 base under its OCI name, since the new manifest is OCI's: the bytes are the same. */
function asOCI(layer: Descriptor): Descriptor {
  return { ...layer, mediaType: OCI_LAYER[layer.mediaType] ?? layer.mediaType };
}
