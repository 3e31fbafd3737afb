import { familiarName } from '../image/index.ts';
import type { Digest } from '../oci/index.ts';
import { listContainers } from '../runtime/index.ts';
import { measureTree } from '../snapshot/index.ts';
import type { Engine } from './engine.ts';
import { type ListedImage, listImages } from './list-images.ts';
import { listVolumes } from './volumes.ts';

/** What an image takes: `shared` with other images, `unique` its own. Bytes of unpacked layers and of blobs. */
export interface ImageUsage {
  readonly listed: ListedImage;
  readonly names: readonly string[];
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
  const images = [...byImage.values()].map((rows): ImageUsage => {
    const [first] = rows as [ListedImage];
    const sizes = first.image.chain.map((name) => ({
      bytes: usage.get(name) ?? 0,
      shared: (users.get(name) ?? 0) > 1,
    }));
    const sum = (wanted: boolean): number =>
      sizes.reduce((total, { bytes, shared }) => (shared === wanted ? total + bytes : total), 0);
    return {
      listed: first,
      names: rows.map(({ record }) => familiarName(record) ?? '<none>'),
      size: sum(true) + sum(false),
      shared: sum(true),
      unique: sum(false),
      containers: containers.filter(({ imageID }) => imageID === first.image.id).length,
    };
  });
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
    reclaimable: images.reduce((total, image) => (image.containers === 0 ? total + image.unique : total), 0),
  };
}
