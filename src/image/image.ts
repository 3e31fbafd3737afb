import {
  chainIDs,
  type Descriptor,
  type Digest,
  formatPlatform,
  hostPlatform,
  type ImageConfig,
  type Manifest,
  type Platform,
  parseImageConfig,
  parseManifest,
  selectPlatform,
} from '../oci/index.ts';
import { EngineError } from '../std/index.ts';
import type { ContentStore, ImageRecord } from '../store/index.ts';

/** An image of one platform, read from the store: values only, nothing held open. */
export interface Image {
  /** Its config's digest. */
  readonly id: Digest;
  /** What the name means: the manifest, or the index that it was chosen from. */
  readonly target: Descriptor;
  readonly manifestDescriptor: Descriptor;
  readonly manifest: Manifest;
  readonly config: ImageConfig;
  /** chainIDs of its layers, oldest first; empty for an image of no layers. */
  readonly chain: readonly Digest[];
}

/**
 * Reads the image that `target` (a manifest or an index) stands for on `platform`. Without one: this host's platform, else the first
 * whose manifest is here. NotFound where no manifest fits, DataLoss where a blob of it is missing.
 */
export async function readImage(content: ContentStore, target: Descriptor, platform?: Platform): Promise<Image> {
  const { descriptor, bytes } = await chooseManifest(content, target, platform);
  const document = parseManifest(bytes, descriptor.mediaType);
  if (document.kind !== 'manifest')
    throw new EngineError('InvalidArgument', `${descriptor.digest} is an index inside an index`);
  const { manifest } = document;
  return imageOf(target, descriptor, manifest, parseImageConfig(await content.read(manifest.config.digest)));
}

/** The image that these documents describe. InvalidArgument where they disagree. */
export function imageOf(
  target: Descriptor,
  manifestDescriptor: Descriptor,
  manifest: Manifest,
  config: ImageConfig,
): Image {
  if (config.rootfs.diff_ids.length !== manifest.layers.length) {
    throw new EngineError(
      'InvalidArgument',
      `image ${manifest.config.digest}: its manifest has ${manifest.layers.length} layers, its config ${config.rootfs.diff_ids.length}`,
    );
  }
  return {
    id: manifest.config.digest,
    target,
    manifestDescriptor,
    manifest,
    config,
    chain: chainIDs(config.rootfs.diff_ids),
  };
}

/** {@link readImage} of a record of the store. */
export function readRecord(content: ContentStore, record: ImageRecord, platform?: Platform): Promise<Image> {
  return readImage(content, record.descriptor, platform);
}

/** The platform that an image was made for. */
export function platformOf({ os, architecture, variant }: ImageConfig): Platform {
  return variant === undefined ? { os, architecture } : { os, architecture, variant };
}

async function chooseManifest(
  content: ContentStore,
  target: Descriptor,
  platform: Platform | undefined,
): Promise<{ readonly descriptor: Descriptor; readonly bytes: Buffer }> {
  const bytes = await content.read(target.digest);
  const document = parseManifest(bytes, target.mediaType);
  if (document.kind === 'manifest') return { descriptor: target, bytes };
  const { manifests } = document.index;
  const read = async (descriptor: Descriptor) => ({ descriptor, bytes: await content.read(descriptor.digest) });
  const wanted = selectPlatform(manifests, platform ?? hostPlatform());
  if (wanted && (await content.stat(wanted.digest))) return read(wanted);
  if (platform)
    throw new EngineError(
      'NotFound',
      `image ${target.digest} is not here for ${formatPlatform(platform)}; pull it with --platform ${formatPlatform(platform)}`,
    );
  for (const child of manifests)
    if ((child.platform?.os ?? 'unknown') !== 'unknown' && (await content.stat(child.digest))) return read(child);
  throw new EngineError('NotFound', `image ${target.digest} has no manifest here for any platform; pull it again`);
}
