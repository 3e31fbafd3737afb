import type { Image } from '../image/index.ts';
import {
  cacheFolder,
  INDEX_TYPE,
  isCached,
  keepIndex,
  type LayerIndexBlobs,
  type LazyLayer,
  type LazyPlan,
  madeIndexes,
  readIndexArtifact,
} from '../lazy/index.ts';
import {
  algorithmOf,
  type Descriptor,
  type Digest,
  DigestMismatch,
  digestOf,
  isForeignLayerType,
} from '../oci/index.ts';
import { EngineError, forEachLimited, readAll } from '../std/index.ts';
import type { Engine } from './engine.ts';
import { INDEX_BLOB_LIMIT } from './index-image.ts';
import { type RemoteImage, readRemoteImage } from './remote-image.ts';

export interface LazyOptions {
  /** Believes an index that was not made here, until the whole image is here and shows whether it was right. */
  readonly trustIndex?: boolean;
  readonly signal?: AbortSignal;
}

/** An image that can be used before it is here: its documents and indexes are. */
export interface LazyImage {
  readonly image: Image;
  readonly plan: LazyPlan;
}

/** Why an image can't be used before it is here. */
export interface NotLazy {
  readonly reason: string;
}

/** Fetches what a lazy start needs: manifest, config, and each layer's index where it is not kept from before. */
export async function openLazyImage(
  engine: Engine,
  text: string,
  { trustIndex = false, signal }: LazyOptions = {},
): Promise<LazyImage | NotLazy> {
  const remote = await readRemoteImage(engine, text, signal ? { signal } : {});
  const { image, reference } = remote;
  const foreign = image.manifest.layers.some(({ mediaType }) => isForeignLayerType(mediaType));
  if (foreign) return { reason: `${text} has layers that its registry does not hold` };
  const found = await findIndex(engine, remote, trustIndex);
  if ('reason' in found) return found;
  const layers: LazyLayer[] = image.manifest.layers.map((layer, index) => ({
    folder: cacheFolder(engine.root, layer.digest, (found.blobs[index] as LayerIndexBlobs).spans.digest),
    layer,
    diffID: image.config.rootfs.diff_ids[index] as Digest,
  }));
  const fetch = (blob: Descriptor): Promise<Buffer> => readBlob(engine, remote, blob);
  await forEachLimited(layers.entries(), 4, async ([index, { folder }]) => {
    if (isCached(folder)) return;
    const blobs = found.blobs[index] as LayerIndexBlobs;
    const [toc, spans] = await Promise.all([fetch(blobs.toc), fetch(blobs.spans)]);
    await keepIndex(folder, { toc, spans });
  });
  const { registry, repository } = reference;
  return { image, plan: { name: text, registry, repository, image: image.manifestDescriptor.digest, layers } };
}

/** The index that is believed: one that was made here, else with `trustIndex` the first that the registry lists. */
async function findIndex(
  engine: Engine,
  { image, place, reference }: RemoteImage,
  trustIndex: boolean,
): Promise<{ readonly blobs: readonly LayerIndexBlobs[] } | NotLazy> {
  const { digest } = image.manifestDescriptor;
  const read = (bytes: Uint8Array) => ({ blobs: readIndexArtifact(bytes, { digest, manifest: image.manifest }) });
  const made = await madeIndexes(engine.root).get(digest);
  if (made && (await engine.store.content.stat(made))) return read(await engine.store.content.read(made));
  const client = (await engine.registries()).client(reference.registry);
  let strange = 0;
  for await (const found of client.referrers(reference.repository, digest, { artifactType: INDEX_TYPE })) {
    if (trustIndex || found.digest === made) return read((await place.manifest(found)).bytes);
    strange++;
  }
  return {
    reason:
      strange > 0
        ? 'its index was made elsewhere and is only believed with --trust-index'
        : 'it has no index; strata image index makes one',
  };
}

async function readBlob(engine: Engine, { place }: RemoteImage, blob: Descriptor): Promise<Buffer> {
  const { content } = engine.store;
  if (await content.stat(blob.digest)) return content.read(blob.digest, { limit: INDEX_BLOB_LIMIT });
  if (blob.size > INDEX_BLOB_LIMIT)
    throw new EngineError('ResourceExhausted', `the index of a layer has ${blob.size} bytes, which is too much`);
  const bytes = await readAll(await place.blob(blob), { limit: blob.size, what: `index ${blob.digest}` });
  const actual = digestOf(bytes, algorithmOf(blob.digest));
  if (actual !== blob.digest) throw new DigestMismatch('an index of a layer', blob.digest, actual);
  return bytes;
}
