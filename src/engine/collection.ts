import { cachedLayers } from '../build/index.ts';
import type { Digest } from '../oci/index.ts';
import { listContainers } from '../runtime/index.ts';
import { driversInUse, type Snapshotter, type SnapshotUsage } from '../snapshot/index.ts';
import type { CollectOptions } from '../store/index.ts';
import type { Engine } from './engine.ts';

/** What a collection has to spare and may remove beside blobs: containers hold their image and its layers, snapshots go with their last image. */
export async function collectOptions(
  engine: Engine,
  { measure = true }: { measure?: boolean } = {},
): Promise<CollectOptions> {
  const all = await snapshotters(engine);
  return {
    roots: () => rootsOf(engine.root),
    snapshots: {
      async *list() {
        for (const snapshots of all) yield* snapshots.walk();
      },
      async remove(name) {
        for (const snapshots of all) await snapshots.remove(name);
      },
      ...(measure && { usage: (name: string) => usageIn(all, name) }),
    },
  };
}

/** Those of every driver that has unpacked something here. One that works no more keeps what it has. */
async function snapshotters(engine: Engine): Promise<Snapshotter[]> {
  const own = await engine.snapshots();
  const others = driversInUse(engine.root).filter((driver) => driver !== own.driver);
  const opened = await Promise.allSettled(others.map((driver) => engine.snapshots(driver)));
  return [own, ...opened.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))];
}

/** A layer may be unpacked for several drivers. */
async function usageIn(all: readonly Snapshotter[], name: string): Promise<SnapshotUsage> {
  let [bytes, inodes] = [0, 0];
  for (const snapshots of all) {
    if (!(await snapshots.has(name as Digest))) continue;
    const usage = await snapshots.usage(name);
    bytes += usage.bytes;
    inodes += usage.inodes;
  }
  return { bytes, inodes };
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
