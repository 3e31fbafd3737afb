import type { Descriptor, Digest } from '../oci/index.ts';
import { collecting } from './collect.ts';
import type { CollectOptions } from './collect-options.ts';
import { startMarks } from './marks.ts';
import { Reach } from './reach.ts';
import type { Store } from './store.ts';
import { sweepBlobs } from './sweep-blobs.ts';
import { sweepLayers } from './sweep-layers.ts';
import { sweepSnapshots } from './sweep-snapshots.ts';

export interface Freed {
  /** Config digests of the images that are gone: docker's first `Deleted:` lines. */
  readonly images: Digest[];
  /** ChainIDs that no image has any more, topmost first: docker's further `Deleted:` lines, whether unpacked here or not. */
  readonly chains: Digest[];
  readonly removedBlobs: Digest[];
  readonly removedSnapshots: string[];
  readonly bytes: number;
}

/**
 * After an image's records were taken away: removes its blobs and snapshots at once, but for what other records, `roots` or live leases hold. What a lease
 * spares now is left to the next collection. An image that still has a record loses nothing.
 */
export async function freeUnreferenced(
  store: Store,
  descriptor: Descriptor,
  options: Omit<CollectOptions, 'ingestAge'> = {},
): Promise<Freed> {
  return collecting(store, async (began) => {
    const own = new Reach(store.content);
    await own.add(descriptor);
    const marks = await startMarks(store, { began, ...(options.roots && { roots: options.roots }) });
    // In the order of reaching, so that a manifest goes before its layers: whoever finds the manifest finds the rest.
    const candidates = [...own.blobs, ...(await compressedTwins(store, own))].filter(
      (digest) => !marks.reach.blobs.has(digest),
    );
    const gone = idsGone(own, marks.reach, marks.reach.blobs.has(descriptor.digest));
    const blobs = await sweepBlobs(store, marks, candidates, options);
    const snapshots = await sweepSnapshots(store, marks, own.chains, options);
    await sweepLayers(store, marks, own.diffIDs, options);
    return {
      ...gone,
      removedBlobs: blobs.removed,
      removedSnapshots: snapshots.removed,
      bytes: blobs.bytes + snapshots.bytes,
    };
  });
}

/** Blobs that a push made of plain layers: no manifest here names them. */
async function compressedTwins(store: Store, { diffIDs }: Reach): Promise<Digest[]> {
  const twins = await Promise.all([...diffIDs].map((diffID) => store.layers.compressed(diffID)));
  return twins.flat().map(({ digest }) => digest);
}

function idsGone(own: Reach, kept: Reach, stays: boolean): { images: Digest[]; chains: Digest[] } {
  if (stays) return { images: [], chains: [] };
  return {
    images: [...own.images].filter((image) => !kept.images.has(image)),
    chains: [...own.chains].filter((chain) => !kept.chains.has(chain)).reverse(),
  };
}
