import { layerSize } from '../image/index.ts';
import type { Descriptor, Digest } from '../oci/index.ts';
import { listContainers } from '../runtime/index.ts';
import { measureTree } from '../snapshot/index.ts';
import type { Engine } from './engine.ts';
import { type ListedImage, listImages } from './list-images.ts';
import { listVolumes } from './volumes.ts';

/** An image's size as lists of images have it: `shared` with other images, `unique` its own. */
export interface ImageUsage {
  /** A row for each of its names. */
  readonly listed: readonly [ListedImage, ...ListedImage[]];
  readonly size: number;
  readonly shared: number;
  readonly unique: number;
  readonly containers: number;
}

export interface ContainerUsage {
  readonly id: string;
  readonly name: string;
  readonly image: string;
  readonly running: boolean;
  readonly bytes: number;
}

export interface VolumeUsage {
  readonly name: string;
  /** Containers that have it. */
  readonly links: number;
  readonly bytes: number;
}

export interface DiskUsage {
  readonly images: readonly ImageUsage[];
  readonly containers: readonly ContainerUsage[];
  readonly volumes: readonly VolumeUsage[];
  /** Bytes of all blobs, each counted once. */
  readonly blobs: number;
  /** Bytes of all unpacked layers, each counted once. */
  readonly layers: number;
  /** What pruning images that no container uses would give back. */
  readonly reclaimable: number;
}

/** Measures what the state takes. A layer under many images is counted once in the sums, and as shared in each. */
export async function diskUsage(engine: Engine): Promise<DiskUsage> {
  const { store } = engine;
  const snapshots = await engine.snapshots();
  const listed = await listImages(engine);
  const byImage = Map.groupBy(listed, ({ image }) => image.id);
  const usage = new Map<Digest, number>();
  const users = new Map<Digest, number>();
  for (const [first] of byImage.values()) {
    for (const name of first?.image.chain ?? []) {
      users.set(name, (users.get(name) ?? 0) + 1);
      if (!usage.has(name)) usage.set(name, (await snapshots.has(name)) ? (await snapshots.usage(name)).bytes : 0);
    }
  }
  const containers = await listContainers(engine.root);
  const isShared = (name: Digest): boolean => (users.get(name) ?? 0) > 1;
  const images: ImageUsage[] = [];
  let reclaimable = 0;
  for (const rows of byImage.values()) {
    const listed = rows as [ListedImage, ...ListedImage[]];
    const [{ image, size }] = listed;
    const { layers } = image.manifest;
    const sizes = await Promise.all(
      image.chain.map((name, at) =>
        isShared(name) ? layerSize(store, layers[at] as Descriptor, image.config.rootfs.diff_ids[at] as Digest) : 0,
      ),
    );
    const shared = sizes.reduce((total, bytes) => total + bytes, 0);
    const using = containers.filter(({ imageID }) => imageID === image.id).length;
    images.push({ listed, size, shared, unique: size - shared, containers: using });
    if (using === 0) for (const name of image.chain) reclaimable += isShared(name) ? 0 : (usage.get(name) ?? 0);
  }
  let blobs = 0;
  for await (const { size } of store.content.list()) blobs += size;
  return {
    images,
    containers: await Promise.all(
      containers.map(async ({ id, name, imageName, snapshot, state }) => ({
        id,
        name,
        image: imageName,
        running: state.status === 'running' || state.status === 'paused',
        bytes: (await snapshots.usage(snapshot).catch(() => ({ bytes: 0 }))).bytes,
      })),
    ),
    volumes: (await listVolumes(engine)).map(({ name, users, mountpoint }) => ({
      name,
      links: users.length,
      bytes: measureTree(mountpoint).bytes,
    })),
    blobs,
    layers: [...usage.values()].reduce((total, bytes) => total + bytes, 0),
    reclaimable,
  };
}
