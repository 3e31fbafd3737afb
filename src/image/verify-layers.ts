import { decompress } from '../compression/index.ts';
import { algorithmOf, createDigester, DigestMismatch } from '../oci/index.ts';
import type { Snapshotter } from '../snapshot/index.ts';
import type { Store } from '../store/index.ts';
import type { Image } from './image.ts';

export interface VerifyLayersOptions {
  /** Layers that are not unpacked here yet are left out: unpacking verifies them. */
  readonly snapshots?: Snapshotter;
  readonly signal?: AbortSignal;
}

/**
 * Sees to it that an image's blobs hold the layers that its config names, also where those are unpacked already and nobody else would look:
 * what passed as a known layer would else be pushed on as one. DigestMismatch where one holds another. What was hashed is remembered.
 */
export async function verifyLayers(store: Store, image: Image, options: VerifyLayersOptions = {}): Promise<void> {
  const { snapshots, signal } = options;
  for (const [index, layer] of image.manifest.layers.entries()) {
    const [chain, diffID] = [image.chain[index], image.config.rootfs.diff_ids[index]];
    if (!chain || !diffID || layer.digest === diffID) continue; // a plain tar was hashed as it came in
    if (snapshots && !(await snapshots.has(chain))) continue;
    if ((await store.layers.diffIDOf(layer.digest)) === diffID) continue;
    const digester = createDigester(algorithmOf(diffID));
    const tar = decompress(store.content.stream(layer.digest), signal ? { signal } : {});
    for await (const chunk of tar) digester.update(chunk);
    const actual = digester.digest();
    if (actual !== diffID) throw new DigestMismatch(`layer ${layer.digest}, unpacked,`, diffID, actual);
    await store.layers.addCompressed(diffID, layer);
  }
}
