import { mkdir } from 'node:fs/promises';
import { type Image, requireImage } from '../image/index.ts';
import { type IndexArtifact, indexArtifact, indexLayer, lazyFolder, madeIndexes, sendIndex } from '../lazy/index.ts';
import { type Descriptor, type Digest, MediaType, parseManifest } from '../oci/index.ts';
import { type ByteStream, EngineError } from '../std/index.ts';
import type { Engine } from './engine.ts';
import { readRemoteImage } from './remote-image.ts';

export interface IndexedImage {
  /** The image's manifest. */
  readonly image: Digest;
  readonly index: Digest;
  /** Bytes of the index. */
  readonly size: number;
}

interface Options {
  readonly signal?: AbortSignal;
}

/** Makes the index of a local image, by which it can start before it is pulled; `push` then sends it along. */
export async function indexImage(engine: Engine, text: string, options: Options = {}): Promise<IndexedImage> {
  const { store } = engine;
  const { image } = await requireImage(store, text);
  const isPlain = image.manifest.layers.some(({ mediaType }) => PLAIN.includes(mediaType));
  if (isPlain)
    throw new EngineError(
      'InvalidArgument',
      `layers of ${text} were made here and are compressed when they are pushed, so that only then there is something to index: push it, then strata image index --push ${text}`,
    );
  const artifact = await makeIndex(engine, image, (layer) => store.content.stream(layer.digest), options);
  return indexed(image, artifact);
}

/** {@link indexImage} of an image as its registry has it; the index is sent there. Layers that are here too are not fetched. */
export async function indexRemoteImage(engine: Engine, text: string, options: Options = {}): Promise<IndexedImage> {
  const { content } = engine.store;
  const { reference, place, image } = await readRemoteImage(engine, text, options);
  const artifact = await makeIndex(
    engine,
    image,
    async (layer) => ((await content.stat(layer.digest)) ? content.stream(layer.digest) : place.blob(layer)),
    options,
  );
  const client = (await engine.registries()).client(reference.registry);
  await sendIndex(client, reference.repository, artifact, { subject: image.manifestDescriptor.digest, ...options });
  return indexed(image, artifact);
}

/** Sends the index that was made here of an image along with it, where there is one; whether it was. */
export async function sendMadeIndex(
  engine: Engine,
  to: { readonly registry: string; readonly repository: string },
  image: Digest,
  options: Options = {},
): Promise<boolean> {
  const digest = await madeIndexes(engine.root).get(image);
  const artifact = digest && (await storedIndex(engine, digest));
  if (!artifact) return false;
  const client = (await engine.registries()).client(to.registry);
  await sendIndex(client, to.repository, artifact, { subject: image, ...options });
  return true;
}

const PLAIN: readonly string[] = [MediaType.ociLayer, MediaType.dockerLayer];
/** A table of contents and windows of one layer may be larger than other documents. */
export const INDEX_BLOB_LIMIT: number = 512 << 20;

async function makeIndex(
  engine: Engine,
  image: Image,
  open: (layer: Descriptor) => ByteStream | Promise<ByteStream>,
  { signal }: Options,
): Promise<IndexArtifact> {
  const { store } = engine;
  await using lease = await store.lease();
  const folder = lazyFolder(engine.root);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const layers = [];
  for (const [index, layer] of image.manifest.layers.entries()) {
    const diffID = image.config.rootfs.diff_ids[index] as Digest;
    layers.push(await indexLayer(await open(layer), layer, { diffID, folder, ...(signal && { signal }) }));
  }
  const artifact = indexArtifact(image.manifestDescriptor, layers);
  await lease.add(...(await store.content.putAll([...artifact.blobs.values(), artifact.bytes])));
  await madeIndexes(engine.root).add(image.manifestDescriptor.digest, artifact.descriptor.digest);
  return artifact;
}

/** An index of the store; undefined where it, or a part of it, is not here any more. */
async function storedIndex({ store: { content } }: Engine, digest: Digest): Promise<IndexArtifact | undefined> {
  if (!(await content.stat(digest))) return undefined;
  const bytes = await content.read(digest);
  const document = parseManifest(bytes);
  if (document.kind !== 'manifest') return undefined;
  const { config, layers, mediaType = MediaType.ociManifest } = document.manifest;
  const blobs = new Map<Digest, Buffer>();
  for (const part of [config, ...layers]) {
    if (!(await content.stat(part.digest))) return undefined;
    blobs.set(part.digest, await content.read(part.digest, { limit: INDEX_BLOB_LIMIT }));
  }
  return { descriptor: { mediaType, digest, size: bytes.length }, bytes, blobs };
}

function indexed(image: Image, { descriptor, blobs }: IndexArtifact): IndexedImage {
  const size = [...blobs.values()].reduce((sum, { length }) => sum + length, descriptor.size);
  return { image: image.manifestDescriptor.digest, index: descriptor.digest, size };
}
