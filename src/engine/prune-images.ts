import type { Digest } from '../oci/index.ts';
import { type Collected, collectGarbage } from '../store/index.ts';
import { collectOptions, containersOf } from './collection.ts';
import type { Engine } from './engine.ts';
import { type ListedImage, listImages } from './list-images.ts';
import { removeImage } from './remove-image.ts';

export interface PruneImagesOptions {
  /** Also images that have names but no container. */
  readonly all?: boolean;
  /** Says of an image whether it may go. */
  filter?(image: ListedImage): boolean;
  readonly signal?: AbortSignal;
}

export interface PrunedImages {
  readonly untagged: readonly string[];
  readonly deleted: readonly Digest[];
  readonly bytes: number;
}

/** Removes images without a name, or with `all` every image that no container was made from, and then whatever else nothing needs. */
export async function pruneImages(engine: Engine, options: PruneImagesOptions = {}): Promise<PrunedImages> {
  const untagged: string[] = [];
  const deleted: Digest[] = [];
  let bytes = 0;
  for (const listed of await listImages(engine)) {
    options.signal?.throwIfAborted();
    const { name } = listed.record;
    if (name !== undefined && !options.all) continue;
    if (options.filter && !options.filter(listed)) continue;
    if ((await containersOf(engine, listed.image.id)).length > 0) continue;
    const removed = await removeImage(engine, name ?? listed.image.id, { measure: true }).catch(() => undefined); // another process was first, or uses it now
    if (!removed) continue;
    untagged.push(...removed.untagged);
    deleted.push(...removed.deleted);
    bytes += removed.bytes;
  }
  const collected = await collect(engine, options.signal);
  return { untagged, deleted, bytes: bytes + collected.bytes };
}

/** Removes what no image, container or running pull needs: the waste of killed commands among it. */
export async function collect(engine: Engine, signal?: AbortSignal): Promise<Collected> {
  return collectGarbage(engine.store, { ...(await collectOptions(engine)), ...(signal && { signal }) });
}
