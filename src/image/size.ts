import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readTocHeader } from '../layer/index.ts';
import { type Descriptor, type Digest, MediaType } from '../oci/index.ts';
import { writeFileAtomic } from '../std/index.ts';
import type { Store } from '../store/index.ts';
import type { Image } from './image.ts';

/** Bytes of all layers as uncompressed tars: what docker calls an image's size. A layer that was never read counts as its blob. */
export async function imageSize(
  store: Store,
  { manifest, config }: Pick<Image, 'manifest' | 'config'>,
): Promise<number> {
  const sizes = await Promise.all(
    manifest.layers.map((layer, index) => layerSize(store, layer, config.rootfs.diff_ids[index] as Digest)),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** {@link imageSize} of one layer. */
export async function layerSize(
  { layers }: Store,
  layer: Pick<Descriptor, 'mediaType' | 'size'>,
  diffID: Digest,
): Promise<number> {
  if (layer.mediaType === MediaType.ociLayer || layer.mediaType === MediaType.dockerLayer) return layer.size;
  const remembered = join(layers.folder(diffID), 'size'); // a list of images must not open a table of contents for each layer
  const known = Number(await readFile(remembered, 'utf8').catch(() => Number.NaN));
  if (Number.isSafeInteger(known)) return known;
  const header = await readTocHeader(layers.tocPath(diffID)).catch(() => undefined);
  if (!header) return layer.size;
  await writeFileAtomic(remembered, String(header.size)).catch(() => {}); // only to be quicker next time
  return header.size;
}
