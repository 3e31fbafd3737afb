import { type Image, imageOf, platformOf } from '../image/index.ts';
import {
  type Descriptor,
  describe,
  encodeDocument,
  type ImageConfig,
  type Index,
  type Manifest,
  MediaType,
} from '../oci/index.ts';
import type { Store } from '../store/index.ts';
import type { BuildState } from './state.ts';

const OCI_NAMES: Readonly<Record<string, string>> = {
  [MediaType.dockerLayer]: MediaType.ociLayer,
  [MediaType.dockerLayerGzip]: MediaType.ociLayerGzip,
};

/** Stores what was built as an image. The caller holds a lease and gives it its names. */
export async function storeImage(
  store: Store,
  state: BuildState,
  { labels = {}, epoch }: { labels?: Readonly<Record<string, string>>; epoch?: Date },
): Promise<Image> {
  const { stack, platform, history, author } = state;
  const created = state.created ?? (epoch ?? new Date()).toISOString();
  const Labels = { ...state.config.Labels, ...labels };
  const config: ImageConfig = {
    created,
    ...(author !== undefined && { author }),
    ...platform,
    config: { ...state.config, ...(Object.keys(Labels).length > 0 && { Labels }) },
    rootfs: { type: 'layers', diff_ids: stack.map(({ diffID }) => diffID) },
    history,
  };
  const configBytes = encodeDocument(config);
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: MediaType.ociManifest,
    config: describe(configBytes, MediaType.ociConfig),
    layers: stack.map(({ descriptor: { mediaType, digest, size } }) => ({
      mediaType: OCI_NAMES[mediaType] ?? mediaType,
      digest,
      size,
    })),
  };
  const manifestBytes = encodeDocument(manifest);
  const target = describe(manifestBytes, MediaType.ociManifest);
  await store.content.putAll([configBytes, manifestBytes]);
  return imageOf(target, target, manifest, config);
}

/** Stores the index of images of several platforms. */
export async function storeIndex(store: Store, images: readonly Image[]): Promise<Descriptor> {
  const index: Index = {
    schemaVersion: 2,
    mediaType: MediaType.ociIndex,
    manifests: images.map(({ manifestDescriptor, config }) => ({
      ...manifestDescriptor,
      platform: platformOf(config),
    })),
  };
  const bytes = encodeDocument(index);
  await store.content.put(bytes);
  return describe(bytes, MediaType.ociIndex);
}
