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
} from '../oci/index.ts';
import type { ByteStream } from '../std/index.ts';
import type { Store } from '../store/index.ts';
import { type Image, readImage } from './image.ts';

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

/** Stores `options.layer` on its base as a new image. The caller holds a lease and gives the image its name. */
export async function commitImage(store: Store, options: CommitOptions): Promise<Image> {
  const { base } = options;
  const layer = options.layer && (await storeLayer(store, options.layer, options.signal));
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
    rootfs: { type: 'layers', diff_ids: [...(base?.config.rootfs.diff_ids ?? []), ...(layer ? [layer.digest] : [])] },
    history: [...(base?.config.history ?? []), step],
  };
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: MediaType.ociManifest,
    config: await storeDocument(store, config, MediaType.ociConfig),
    layers: [...(base?.manifest.layers.map(asOCI) ?? []), ...(layer ? [layer] : [])],
  };
  return readImage(store.content, await storeDocument(store, manifest, MediaType.ociManifest));
}

/** Keeps a layer made here as a plain tar: its digest is its diffID. */
async function storeLayer(store: Store, tar: ByteStream, signal: AbortSignal | undefined): Promise<Descriptor> {
  const opened = await store.content.ingest({});
  if ('exists' in opened) throw new TypeError('an ingest without a digest cannot exist');
  await using ingest = opened;
  for await (const chunk of tar) {
    signal?.throwIfAborted();
    await ingest.write(chunk);
  }
  const { digest, size } = await ingest.commit();
  return { mediaType: MediaType.ociLayer, digest, size };
}

async function storeDocument(store: Store, value: object, mediaType: string): Promise<Descriptor> {
  const bytes = encodeDocument(value);
  await store.content.put(bytes);
  return describe(bytes, mediaType);
}

const OCI_LAYER: Readonly<Record<string, string>> = {
  [MediaType.dockerLayer]: MediaType.ociLayer,
  [MediaType.dockerLayerGzip]: MediaType.ociLayerGzip,
};

/** A layer of a Docker schema-2 base under its OCI name, since the new manifest is OCI's: the bytes are the same. */
function asOCI(layer: Descriptor): Descriptor {
  return { ...layer, mediaType: OCI_LAYER[layer.mediaType] ?? layer.mediaType };
}
