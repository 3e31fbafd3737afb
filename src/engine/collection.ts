import { cachedLayers } from '../build/index.ts';
import type { Digest } from '../oci/index.ts';
import { listContainers } from '../runtime/index.ts';
import type { CollectOptions } from '../store/index.ts';
import type { Engine } from './engine.ts';

/** What a collection has to spare and may remove beside blobs: containers hold their image and its layers, snapshots go with their last image. */
export async function collectOptions(
  engine: Engine,
  { measure = true }: { measure?: boolean } = {},
): Promise<CollectOptions> {
  const snapshots = await engine.snapshots();
  return {
    roots: () => rootsOf(engine.root),
    snapshots: {
      list: () => snapshots.walk(),
      remove: (name) => snapshots.remove(name),
      ...(measure && { usage: (name: string) => snapshots.usage(name) }),
    },
  };
}

/** What containers stand on, and what the next build takes from the cache. */
async function* rootsOf(root: string): AsyncGenerator<Digest> {
  yield* containerRoots(root);
  yield* cachedLayers(root);
}

async function* containerRoots(root: string): AsyncGenerator<Digest> {
  for (const { imageID, chain } of await listContainers(root)) {
    if (imageID) yield imageID;
    if (chain) yield chain;
  }
}

/** The containers that were made from an image. */
export async function containersOf(
  engine: Engine,
  imageID: Digest,
): Promise<{ readonly name: string; readonly running: boolean }[]> {
  const containers = await listContainers(engine.root);
  return containers
    .filter((container) => container.imageID === imageID)
    .map(({ name, state }) => ({ name, running: state.status === 'running' || state.status === 'paused' }));
}
